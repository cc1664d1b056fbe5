/** Runbooks and alerts belong together; what runbooks name has to exist. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';
import { COMMANDS } from '../../../src/config/commands.ts';
import { OPTIONS } from '../../../src/config/options.ts';
import { checkExpression } from '../../support/known-metrics.ts';
import { alertsOf, readRules } from '../../support/rules-file.ts';
import { queriesIn, RUNBOOKS } from '../../support/runbooks.ts';

const TOP = join(import.meta.dirname, '../../..');
const ALERTS = alertsOf(readRules()).map(({ alert }) => alert);
const read = (name: string) => readFileSync(join(RUNBOOKS, name), 'utf8');
const FILES = globSync('*.md', { cwd: RUNBOOKS }).toSorted();

/** Of other programs: kube-proxy, kubectl, and what runs on a node. */
const FOREIGN_OPTIONS = new Set(
  `--all --as --previous --since --field-selector --show-labels --profile --image --timeout --set --orig-dst --flush
   --delete --status --reject-with --reload --complete-reload --conntrack-tcp-timeout-established
   --conntrack-tcp-timeout-close-wait --conntrack-max-per-core --conntrack-min --conntrack-tcp-be-liberal
   --ipvs-tcp-timeout`.split(/\s+/),
);
const OWN_OPTIONS = new Map<string, readonly string[]>(
  Object.values(OPTIONS).map(({ flag, commands }) => [flag, commands]),
);

test('each alert has its runbook, and each runbook its alert', () => {
  assert.deepEqual(FILES, [...ALERTS, 'README'].map((name) => `${name}.md`).toSorted());
});

test('the overview lists all alerts, with their severity', () => {
  const rows = [...read('README.md').matchAll(/^\| \[(\w+)\]\((\w+)\.md\) \| (\w+) \| \S.* \|$/gm)];
  assert.deepEqual(
    rows.map(([, alert, file, severity]) => [alert, file, severity]),
    alertsOf(readRules()).map(({ alert, labels }) => [alert, alert, labels?.['severity']]),
  );
});

for (const alert of ALERTS) {
  test(`${alert}: four headings, in order, none empty`, () => {
    const text = read(`${alert}.md`);
    assert.ok(text.startsWith(`# ${alert}\n`));
    const parts = text.split(/^## /m).slice(1);
    const headings = parts.map((part) => part.slice(0, part.indexOf('\n')));
    assert.deepEqual(headings, ['Meaning', 'Impact', 'Diagnosis', 'Mitigation']);
    for (const part of parts) assert.ok(part.split('\n').slice(1).join('').length > 80, part);
  });
}

for (const file of FILES) {
  const text = read(file);

  test(`${file}: its links lead somewhere`, () => {
    const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
    for (const link of links.filter((target) => !target.startsWith('http'))) {
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? join(RUNBOOKS, file) : join(dirname(join(RUNBOOKS, file)), path);
      const there = readFileSync(target, 'utf8');
      if (anchor !== undefined)
        assert.ok(anchorsOf(there).has(anchor), `${relative(TOP, target)} has no ${link}`);
    }
  });

  test(`${file}: metrics and labels that it names exist`, () => {
    const expressions = queriesIn(text);
    for (const expression of expressions) checkExpression(expression);
    // Metrics that stand in a sentence.
    for (const [name] of text.matchAll(/\bconntrack_watchdog[_:][\w:]+/g)) checkExpression(name);
  });

  test(`${file}: options that it names exist`, () => {
    for (const [, flag = ''] of text.matchAll(/(?<![\w-])(--[a-z][a-z-]*)/g)) {
      assert.ok(OWN_OPTIONS.has(flag) || FOREIGN_OPTIONS.has(flag), `${flag} is nobody's option`);
    }
    for (const [, command = '', rest = ''] of text.matchAll(
      /conntrack-watchdog ([a-z]+)((?: --[^`\n]*)?)[`\n]/g,
    )) {
      if (!(command in COMMANDS)) continue;
      for (const [flag] of rest.matchAll(/--[a-z-]+/g)) {
        assert.ok(OWN_OPTIONS.get(flag)?.includes(command), `${command} has no ${flag}`);
      }
    }
  });
}

test('queries are found', () => {
  assert.ok(FILES.flatMap((file) => queriesIn(read(file))).length > 30);
  assert.deepEqual(queriesIn('a\n\n       up{job="x"} == 0\n\n    kubectl get pods\n\n`rate(x_total[5m])`'), [
    'up{job="x"} == 0',
  ]);
});

/** As GitHub makes them of headings. */
function anchorsOf(text: string): Set<string> {
  const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => heading);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    ),
  );
}
