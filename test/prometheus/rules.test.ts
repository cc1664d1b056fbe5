/** The rules of deploy/prometheus in promtool: what makes each alert fire, and what does not. */
import assert from 'node:assert/strict';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parse, stringify } from 'yaml';
import { runCommand } from '../../src/lab/run-command.ts';
import { promtoolPath, skip } from '../support/prometheus.ts';
import { alertsOf, RULES_FILE, readRules } from '../support/rules-file.ts';
import { queriesIn, RUNBOOKS } from '../support/runbooks.ts';
import { AGENT_HEALTH } from './rules/agent-health.ts';
import { AGENT_PRESENCE } from './rules/agent-presence.ts';
import { CONNECTIONS_AT_RISK } from './rules/at-risk.ts';
import { BROKEN_CONNECTIONS } from './rules/broken-connections.ts';
import { COUNTER_HISTORIES } from './rules/counter-histories.ts';
import { MASS_BREAK } from './rules/mass-break.ts';
import { NODE } from './rules/node.ts';
import { RENEWALS } from './rules/renewals.ts';
import { RESTARTS_IN_POD } from './rules/restarts-in-pod.ts';
import { type Check, type RuleCase, testGroup } from './rules/rule-case.ts';
import { STALLED } from './rules/stalled.ts';

const CASES: readonly RuleCase[] = [
  ...BROKEN_CONNECTIONS,
  ...COUNTER_HISTORIES,
  ...RESTARTS_IN_POD,
  ...MASS_BREAK,
  ...STALLED,
  ...CONNECTIONS_AT_RISK,
  ...RENEWALS,
  ...NODE,
  ...AGENT_HEALTH,
  ...AGENT_PRESENCE,
];

let folder = '';
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'conntrack-watchdog-rules-'));
});
after(() => rmSync(folder, { recursive: true }));

test('promtool check rules', { skip }, async () => {
  const rules = readRules().length;
  assert.match(
    await runCommand(promtoolPath(), ['check', 'rules', '--lint-fatal', RULES_FILE]),
    new RegExp(`SUCCESS: ${rules} rules found`),
  );
});

// Two at a time: most of it is promtool.
describe('promtool', { skip, concurrency: 2 }, () => {
  test('the queries of the runbooks are PromQL', async () => {
    const texts = globSync('*.md', { cwd: RUNBOOKS }).map((name) =>
      readFileSync(join(RUNBOOKS, name), 'utf8'),
    );
    const rules = texts.flatMap(queriesIn).map((expr, i) => ({ record: `query:number${i}`, expr }));
    const file = join(folder, 'runbooks.yaml');
    writeFileSync(file, stringify({ groups: [{ name: 'runbooks', rules }] }));
    const said = await runCommand(promtoolPath(), ['check', 'rules', file]);
    assert.match(said, new RegExp(`SUCCESS: ${rules.length} rules found`));
  });

  /** Debian's promtool knows no kubernetes_sd_configs: the pods are written down instead, with the labels they would have. */
  test('the scrape configuration keeps the agents, and calls each by its node', async () => {
    const config = parse(readFileSync(join(RULES_FILE, '../scrape-config.yaml'), 'utf8'));
    const [job] = config.scrape_configs;
    assert.deepEqual(job.kubernetes_sd_configs, [
      { role: 'pod', namespaces: { names: ['conntrack-watchdog'] } },
    ]);
    delete job.kubernetes_sd_configs;
    const pod = (name: string, labels: Record<string, string>) => ({
      targets: [`${name}:9469`],
      labels: {
        __meta_kubernetes_pod_label_app_kubernetes_io_name: 'conntrack-watchdog',
        __meta_kubernetes_pod_container_port_name: 'metrics',
        __meta_kubernetes_pod_phase: 'Running',
        __meta_kubernetes_pod_node_name: 'node-1',
        __meta_kubernetes_pod_name: name,
        ...labels,
      },
    });
    job.static_configs = [
      pod('kept', {}),
      pod('ended', { __meta_kubernetes_pod_phase: 'Failed' }),
      pod('other-port', { __meta_kubernetes_pod_container_port_name: 'other' }),
      pod('other-app', { __meta_kubernetes_pod_label_app_kubernetes_io_name: 'other' }),
    ];
    const file = join(folder, 'prometheus.yml');
    writeFileSync(file, stringify(config));
    assert.match(await runCommand(promtoolPath(), ['check', 'config', file]), /SUCCESS/);
    // It takes all of this time; targets come after five seconds.
    const found = await runCommand(promtoolPath(), [
      'check',
      'service-discovery',
      '--timeout=10s',
      file,
      'conntrack-watchdog',
    ]);
    const targets = (JSON.parse(found) as { labels?: Record<string, string> }[]).flatMap(({ labels }) =>
      labels && Object.keys(labels).length > 0 ? [labels] : [],
    );
    assert.deepEqual(
      targets.map((labels) =>
        Object.fromEntries(
          Object.entries(labels).filter(([name]) => !name.startsWith('__') || name === '__address__'),
        ),
      ),
      [
        {
          __address__: 'kept:9469',
          instance: 'node-1',
          job: 'conntrack-watchdog',
          node: 'node-1',
          pod: 'kept',
        },
      ],
    );
  });

  for (const [i, each] of CASES.entries()) {
    test(`${each.about}: ${each.name}`, async () => {
      const file = join(folder, `${i}.test.yaml`);
      const text = { rule_files: [RULES_FILE], evaluation_interval: '30s', tests: [testGroup(each)] };
      writeFileSync(file, stringify(text));
      await runCommand(promtoolPath(), ['test', 'rules', file]);
    });
  }
});

test('every alert has cases both ways', () => {
  const fires =
    (alert: string) =>
    ({ firing, texts }: Check) =>
      firing?.some(({ alertname }) => alertname === alert) ||
      (texts?.alertname === alert && texts.alerts.length > 0);
  for (const { alert } of alertsOf(readRules())) {
    const about = CASES.filter((each) => each.about === alert);
    const firing = about.filter(({ checks }) => checks.some(fires(alert)));
    assert.ok(firing.length > 0, `no case in which ${alert} fires`);
    assert.ok(
      about.some(({ checks }) =>
        checks.some((check) => check.texts?.alertname === alert && check.texts.alerts.length > 0),
      ),
      `no case that reads the text of ${alert}`,
    );
    const quiet = about.filter((each) => !firing.includes(each) && each.checks.some(({ firing }) => firing));
    assert.ok(quiet.length > 0, `no case in which ${alert} must not fire`);
  }
});
