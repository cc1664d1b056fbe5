import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import type { FlowEvent } from '../../../src/model/flow-event.ts';
import { tailText } from '../../../src/report/tail-line.ts';
import { EVIL } from './at-risk-samples.ts';
import { entryLost, NOON_MS, pickup } from './samples.ts';
import { namedEvent, strangersEvent } from './tail-samples.ts';

const plain = tailText(false);
const NOON = '2026-03-01T12:00:00.000Z';
const CLIENT = '10.244.1.7:40000 (shop/checkout-5d8f-x2x, Deployment/checkout)';
const WAY = `${CLIENT} -> 10.96.0.10:6379 (shop/redis:6379)`;
const OLD = '10.244.0.2:8080 (shop/redis-0)';

test('every kind of event, in the words of conntrack -E', () => {
  const rows: [Partial<FlowEvent>, string][] = [
    [
      { type: 'new', tcpState: 'SYN_SENT', timeoutSeconds: 120, seenReply: false, assured: false },
      '    [NEW] tcp SYN_SENT       120 [UNREPLIED]',
    ],
    [
      { type: 'update', tcpState: 'SYN_RECV', timeoutSeconds: 60, assured: false },
      ' [UPDATE] tcp SYN_RECV        60',
    ],
    [
      { type: 'update', tcpState: 'ESTABLISHED', timeoutSeconds: 432_000 },
      ' [UPDATE] tcp ESTABLISHED 432000 [ASSURED]',
    ],
    [
      { type: 'update', tcpState: undefined, timeoutSeconds: 300 },
      ' [UPDATE] tcp -              300 [ASSURED]',
    ],
    [{ timeoutSeconds: undefined }, '[DESTROY] tcp ESTABLISHED      0 [ASSURED]'],
    [{ tcpState: undefined, timeoutSeconds: undefined }, '[DESTROY] tcp -                - [ASSURED]'],
    [{ status: 0x43ae, timeoutSeconds: 7 }, '[DESTROY] tcp ESTABLISHED      7 [OFFLOAD]'],
  ];
  for (const [fields, text] of rows) {
    assert.equal(plain.event(namedEvent(fields)), `${NOON} ${text} ${WAY} -> ${OLD}\n`);
  }
});

test('the client says what it is masqueraded as; zone and port id are at the end', () => {
  const named = namedEvent(
    { zone: 5, portId: 20_505, timeoutSeconds: 1 },
    { masqueradedAs: { ip: '192.0.2.1', port: 14_992 } },
  );
  assert.ok(
    plain.event(named).includes(` ${CLIENT} as 192.0.2.1:14992 -> 10.96.0.10:6379 (shop/redis:6379) -> `),
  );
  assert.ok(plain.event(named).endsWith(`-> ${OLD} zone=5 portid=20505\n`));
});

test('IPv6 without names and without translation: two addresses', () => {
  assert.equal(
    plain.event(strangersEvent({ timeoutSeconds: 300 })),
    `${NOON}     [NEW] tcp ESTABLISHED    300 [ASSURED] [2001:db8::7]:41234 -> [2001:db8::1]:443\n`,
  );
});

test('a Service that the kernel did not translate is named where it went; other protocols have their own words', () => {
  const { original, reply } = strangersEvent().event;
  const ipvs = strangersEvent();
  const service = { ...ipvs.service!, known: true, namespace: 'shop', name: 'web', servicePort: 443 };
  assert.match(plain.event({ ...ipvs, service }), / -> \[2001:db8::1\]:443 \(shop\/web:443\)\n$/);
  const other = (protocol: number) =>
    plain.event({
      ...strangersEvent({ protocol, tcpState: undefined, timeoutSeconds: 30, original, reply }),
      service: undefined,
    });
  assert.match(other(17), / udp - +30 \[ASSURED\] \[2001:db8::7\]:41234 -> \[2001:db8::1\]:443\n$/);
  assert.match(other(58), / icmpv6 - +30 \[ASSURED\] 2001:db8::7 -> 2001:db8::1\n$/);
  assert.match(other(89), / proto-89 - +30 \[ASSURED\] 2001:db8::7 -> 2001:db8::1\n$/);
});

test('clients on the host network, pods without an owner, backends on a node', () => {
  const { client, backend } = namedEvent();
  const host = { ...client, namespace: undefined, pod: undefined, workload: 'Node/node-1' };
  const shell = { ...client, pod: 'shell', workload: 'Pod/shell' };
  assert.match(plain.event(namedEvent({}, { client: host })), / 10\.244\.1\.7:40000 \(Node\/node-1\) -> /);
  assert.match(plain.event(namedEvent({}, { client: shell })), / 10\.244\.1\.7:40000 \(shop\/shell\) -> /);
  const onNode = { ...backend, namespace: undefined, pod: undefined };
  assert.match(plain.event(namedEvent({}, { backend: onNode })), /10\.244\.0\.2:8080 \(Node\/node-2\)\n$/);
});

test('findings: entry lost, pickups with their verdict, a broken connection with the sentence of the log', () => {
  const lost = entryLost({ cause: 'deleted', atMs: NOON_MS });
  assert.equal(
    plain.finding({ ...lost, tcpState: 'CLOSE_WAIT' }, {}),
    `${NOON}       >>> ENTRY LOST (deleted, in CLOSE_WAIT) ${WAY}\n`,
  );
  const near = pickup({ verdict: 'survived', mapping: 'same', broken: false, verdictAfterMs: 0.042 });
  assert.match(
    plain.finding(near, {}),
    /^\S+ {7}>>> PICKUP survived \(mapping same, cause timeout, client spoke first\) .* -> 10\.244\.0\.3:8080 \(shop\/redis-1\) after 42 us\n$/,
  );
  const broken = plain.finding(pickup(), { nf_conntrack_tcp_timeout_established: 86_400 });
  assert.match(
    broken,
    /^\S+ {7}>>> BROKEN CONNECTION 10\.244\.1\.7:40000 -> 10\.96\.0\.10:6379: Connection from shop\/checkout-5d8f-x2x \(Deployment\/checkout\) to shop\/redis:6379 was reset: .*nf_conntrack_tcp_timeout_established \(1 d\), or raise that\.\n$/,
  );
});

test('the line of a finding has the time of what decided it', () => {
  const stalled = pickup({ verdict: 'stalled', pickedUpAtMs: NOON_MS, verdictAfterMs: 2020 });
  assert.match(plain.finding(stalled, {}), /^2026-03-01T12:00:02\.020Z /);
});

test('what is missing stands in its place', () => {
  assert.equal(plain.lost(1), '-- 1 event lost here --\n');
  assert.equal(plain.lost(898), '-- 898 events lost here --\n');
  const why = 'this output was not read fast enough --\n';
  assert.equal(plain.skipped(7, 0), `-- 7 events not shown here: ${why}`);
  assert.equal(plain.skipped(7, 1), `-- 7 events and 1 finding not shown here: ${why}`);
});

test('colour only if asked: findings and losses stand out, events do not', () => {
  const colour = tailText(true);
  assert.equal(colour.event(namedEvent()), plain.event(namedEvent()));
  const survived = pickup({ verdict: 'survived', broken: false });
  const rows = [
    [colour.finding(pickup(), {}), plain.finding(pickup(), {}), '\u001b[1m\u001b[31m      >>> BROKEN'],
    [colour.finding(entryLost(), {}), plain.finding(entryLost(), {}), '\u001b[33m      >>> ENTRY LOST'],
    [colour.finding(survived, {}), plain.finding(survived, {}), '\u001b[32m      >>> PICKUP survived'],
    [colour.lost(3), plain.lost(3), '\u001b[1m\u001b[35m-- 3 events'],
    [colour.skipped(3, 0), plain.skipped(3, 0), '\u001b[1m\u001b[35m-- 3 events'],
  ] as const;
  for (const [coloured, without, start] of rows) {
    assert.ok(coloured.includes(start), JSON.stringify(coloured));
    assert.equal(stripVTControlCharacters(coloured), without);
    assert.equal(without, stripVTControlCharacters(without));
  }
});

test('nothing of a name but printable ASCII reaches the terminal, and a line stays one', () => {
  const { client, service, oldBackend, newBackend } = pickup();
  const names = {
    client: { ...client, namespace: EVIL, pod: EVIL, workload: `Job/${EVIL}` },
    service: { ...service, namespace: EVIL, name: EVIL },
  };
  const backend = { ...oldBackend!, namespace: EVIL, pod: EVIL, node: EVIL };
  const texts = [
    plain.event(namedEvent({}, { ...names, backend })),
    plain.finding({ ...entryLost(), ...names }, {}),
    plain.finding(pickup({ ...names, newBackend: { ...newBackend!, namespace: EVIL, pod: EVIL } }), {}),
    plain.finding(pickup({ ...names, verdict: 'survived', broken: false, newBackend: backend }), {}),
  ];
  for (const text of texts) assert.match(text, /^[ -~]*\?\[2J[ -~]*\n$/);
});
