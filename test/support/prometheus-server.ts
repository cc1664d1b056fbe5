import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Host } from '../../src/lab/lab.ts';
import { spawnIn } from '../../src/lab/namespace.ts';
import type { Peer } from '../../src/lab/peer.ts';
import { prometheusPath } from './prometheus.ts';

export interface PrometheusOptions {
  /** Where it runs; its targets have to be reachable there. */
  readonly host: Host;
  /** Asks it over HTTP, from inside the namespace. */
  readonly asker: Peer;
  readonly port: number;
  /** `127.0.0.1:9469`, by the node's name. */
  readonly targets: Readonly<Record<string, string>>;
  /** The text of a rules file. */
  readonly rules: string;
  readonly scrapeSeconds: number;
  readonly evaluationSeconds: number;
}

export interface Alert {
  readonly state: 'pending' | 'firing';
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A real Prometheus in a namespace; closing the lab kills it too. */
export interface PrometheusServer extends AsyncDisposable {
  query(expr: string): Promise<readonly Sample[]>;
  alerts(name: string): Promise<readonly Alert[]>;
  /** Asks until the answer will do; fails with the last one. */
  until<T>(ask: () => Promise<T>, holds: (answer: T) => boolean, what: string, seconds?: number): Promise<T>;
}

/** Starts it; resolves when it serves. Its data is removed when it ends. */
export async function startPrometheus(options: PrometheusOptions): Promise<PrometheusServer> {
  const { host, asker, port } = options;
  const folder = mkdtempSync(join(tmpdir(), 'cw-test-prometheus-'));
  const rulesFile = join(folder, 'rules.yaml');
  writeFileSync(rulesFile, options.rules);
  writeFileSync(join(folder, 'prometheus.yaml'), JSON.stringify(configOf(options, rulesFile)));
  const child = spawnIn(
    host,
    prometheusPath(),
    [
      `--config.file=${folder}/prometheus.yaml`,
      `--storage.tsdb.path=${folder}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let complaints = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    complaints += text;
  });
  const get = async (path: string) => {
    if (child.exitCode !== null) throw new Error(`Prometheus ended: ${complaints}`);
    return asker.httpGet({ url: `http://127.0.0.1:${port}${path}` });
  };
  const api = async (path: string): Promise<unknown> => {
    const { body } = await get(path);
    const answer = JSON.parse(body) as { status: string; data: unknown; error?: string };
    if (answer.status !== 'success') throw new Error(`${decodeURIComponent(path)}: ${answer.error}`);
    return answer.data;
  };
  const until: PrometheusServer['until'] = async (ask, holds, what, seconds = 30) => {
    const deadline = performance.now() + seconds * 1000;
    for (;;) {
      const answer = await ask();
      if (holds(answer)) return answer;
      if (performance.now() > deadline) {
        throw new Error(`never ${what}; last answer: ${JSON.stringify(answer, null, 1)}\n${complaints}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  const ready = async () => (await get('/-/ready').catch(() => undefined))?.status;
  await until(ready, (status) => status === 200, 'ready');
  return {
    until,
    async query(expr) {
      const data = (await api(`/api/v1/query?query=${encodeURIComponent(expr)}`)) as {
        result: { metric: Sample['metric']; value: [number, string] }[];
      };
      return data.result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
    },
    async alerts(name) {
      const { alerts } = (await api('/api/v1/alerts')) as { alerts: Alert[] };
      return alerts.filter(({ labels }) => labels['alertname'] === name);
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** JSON is YAML. */
function configOf(
  { targets, scrapeSeconds, evaluationSeconds }: PrometheusOptions,
  rulesFile: string,
): object {
  return {
    global: { scrape_interval: `${scrapeSeconds}s`, evaluation_interval: `${evaluationSeconds}s` },
    rule_files: [rulesFile],
    scrape_configs: [
      {
        job_name: 'conntrack-watchdog',
        scrape_timeout: `${scrapeSeconds}s`,
        static_configs: Object.entries(targets).map(([node, target]) => ({
          targets: [target],
          labels: { instance: node, node },
        })),
      },
    ],
  };
}

/**
 * The same rules in a world where a minute lasts a second: every duration of expressions and `for` is divided by 60, so
 * that the end of an alert can be waited for.
 */
export function sixtyTimesFaster(rules: string): string {
  const perMinute: Record<string, number> = { m: 1, h: 60 };
  const duration = (text: string) =>
    text.replaceAll(
      /\b(\d+)([mh])\b(?=[\]\s)]|$)/g,
      (_, count, unit) => `${Number(count) * perMinute[unit]!}s`,
    );
  return rules
    .split('\n')
    .map((line) => (/^\s*#/.test(line) ? line : duration(line).replaceAll('[10s]) < 600', '[10s]) < 10')))
    .join('\n');
}
