/** A real Prometheus scrapes the real agent on the real kernel: breaks become series, series become alerts. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { exec, sysctl } from '../../src/lab/namespace.ts';
import { skip as skipKernel } from '../support/cluster.ts';
import { promtoolPath, skip as skipPrometheus } from '../support/prometheus.ts';
import { sixtyTimesFaster } from '../support/prometheus-server.ts';
import { createWatched, RULES } from '../support/watched-cluster.ts';

const BROKEN = 'conntrack_watchdog_broken_connections_total';
const REDIS = { service_namespace: 'shop', service_name: 'redis', service_port: '6379' };
const CHECKOUT = { client_namespace: 'shop', client_workload: 'Deployment/checkout' };

// Side by side: Prometheus scrapes and evaluates now and then, and all else is waiting for it.
describe('Prometheus', { skip: skipKernel || skipPrometheus, concurrency: 3 }, () => {
  test('from the first flush ever to a firing alert within two scrape intervals', async (t) => {
    const scrapeSeconds = 3;
    await using watched = await createWatched(t, { scrapeSeconds, evaluationSeconds: 1 });
    const { prometheus, breakSome } = watched;
    const flushedAt = await breakSome(3);
    const [alert, ...more] = await prometheus.until(
      () => prometheus.alerts('ConntrackConnectionsBroken'),
      ([first]) => first?.state === 'firing',
      'firing',
    );
    const seconds = (performance.now() - flushedAt) / 1000;
    assert.ok(seconds <= 2 * scrapeSeconds, `${seconds} s after the flush`);
    t.diagnostic(`firing ${seconds.toFixed(1)} s after the flush; a scrape every ${scrapeSeconds} s`);
    assert.deepEqual(more, []);
    assert.deepEqual(alert?.labels, {
      alertname: 'ConntrackConnectionsBroken',
      severity: 'warning',
      job: 'conntrack-watchdog',
      instance: 'node-1',
      node: 'node-1',
      cause: 'deleted',
      ...REDIS,
      ...CHECKOUT,
    });
    assert.match(
      alert?.annotations['description'] ?? '',
      /^3 connection\(s\) from shop\/Deployment\/checkout to shop\/redis:6379 broke .* on node node-1/,
    );
    const series = await prometheus.query(`${BROKEN} > 0`);
    assert.deepEqual(series, [
      {
        metric: {
          __name__: BROKEN,
          job: 'conntrack-watchdog',
          instance: 'node-1',
          node: 'node-1',
          cause: 'deleted',
          outcome: 'reset',
          sender: 'client',
          ...REDIS,
          ...CHECKOUT,
        },
        value: 3,
      },
    ]);
    const idle = await prometheus.query('conntrack_watchdog_broken_connection_idle_seconds_count');
    assert.deepEqual(
      idle.map(({ metric, value }) => [metric['service_name'], value]),
      [['redis', 3]],
    );
  });

  test('alerts are pending, fire, and end when their cause is gone (a minute lasts a second)', async (t) => {
    await using watched = await createWatched(t, { rules: sixtyTimesFaster(RULES) });
    const { prometheus, breakSome, lab } = watched;
    const stateOf = (name: string) => async () => (await prometheus.alerts(name))[0]?.state;
    const untilState = (name: string, state: 'pending' | 'firing' | undefined) =>
      prometheus.until(stateOf(name), (now) => now === state, `${name} ${state ?? 'over'}`);

    await breakSome(1);
    await untilState('ConntrackConnectionsBroken', 'firing');
    await untilState('ConntrackConnectionsBroken', undefined);
    assert.deepEqual((await prometheus.query(`sum(${BROKEN})`))[0]?.value, 1, 'the counter goes on');

    await sysctl(lab.node, 'net.netfilter.nf_conntrack_events', 0);
    await untilState('ConntrackWatchdogBlind', 'pending');
    await untilState('ConntrackWatchdogBlind', 'firing');
    await sysctl(lab.node, 'net.netfilter.nf_conntrack_events', 2);
    await untilState('ConntrackWatchdogBlind', undefined);

    await watched.agent.stop('SIGKILL');
    await untilState('ConntrackWatchdogDown', 'pending');
    await untilState('ConntrackWatchdogDown', 'firing');
  });

  test('entries that the kernel does not let renew become an alert, which ends with them (a minute lasts a second)', async (t) => {
    await using watched = await createWatched(t, {
      rules: sixtyTimesFaster(RULES),
      agent: ['--protect', 'renew'],
    });
    const { prometheus, client, target, lab, agent } = watched;
    const alert = async () => (await prometheus.alerts('ConntrackRenewalsFailing'))[0];
    await client.connect({ ...target, count: 3 });
    const update = (...what: string[]) =>
      exec(lab.node, 'conntrack', ['-U', '-p', 'tcp', '--orig-dst', target.host, ...what]);
    // They are due from now on, and only the kernel could change that.
    await update('--timeout', '600');
    await update('--status', 'FIXED_TIMEOUT');
    const firing = await prometheus.until(alert, (now) => now?.state === 'firing', 'firing');
    assert.match(firing?.annotations['description'] ?? '', /Most: \d+ of connections to shop\/redis:6379; /);
    const said = agent.lines.find(({ event }) => event === 'renewals_failed');
    assert.match(said?.msg ?? '', /could not be renewed \(errno 1\)/);
    await client.abort();
    await prometheus.until(alert, (now) => now === undefined, 'over');
  });

  test('promtool finds nothing to say about the metrics, and OpenMetrics is what Prometheus gets', async (t) => {
    await using watched = await createWatched(t);
    const { agent, breakSome, prometheus } = watched;
    await breakSome(2);
    const { body } = await agent.get('/metrics');
    const said = execFileSync(promtoolPath(), ['check', 'metrics'], {
      input: body,
      encoding: 'utf8',
      stdio: 'pipe',
    });
    assert.equal(said, '');
    // Parsed by Prometheus itself, which asks for OpenMetrics first.
    await prometheus.until(
      () => prometheus.query(`sum(${BROKEN})`),
      ([sum]) => sum?.value === 2,
      'scraped',
    );
    const [failed] = await prometheus.query('sum_over_time((1 - up)[1m:1s]) > 0');
    assert.equal(failed, undefined, 'a scrape failed');
  });
});
