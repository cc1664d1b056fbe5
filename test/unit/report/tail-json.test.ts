import assert from 'node:assert/strict';
import { test } from 'node:test';
import { brokenLine } from '../../../src/report/broken-line.ts';
import { brokenSentence } from '../../../src/report/broken-sentence.ts';
import { tailJson } from '../../../src/report/tail-json.ts';
import { EVIL } from './at-risk-samples.ts';
import { entryLost, NOON_MS, pickup } from './samples.ts';
import { namedEvent, strangersEvent } from './tail-samples.ts';

const json = tailJson('node-1');
const NOON = '2026-03-01T12:00:00.000Z';

function parse(line: string): Record<string, unknown> {
  assert.match(line, /^[^\n]+\n$/);
  return JSON.parse(line);
}

test('an event: both tuples, what the kernel sent, and names', () => {
  const { event, client, backend } = namedEvent({ timeoutSeconds: 9, portId: 20_505, zone: 3 });
  assert.deepEqual(parse(json.event(namedEvent({ timeoutSeconds: 9, portId: 20_505, zone: 3 }))), {
    time: NOON,
    event: 'destroy',
    protocol: 'tcp',
    state: 'ESTABLISHED',
    timeout_seconds: 9,
    seen_reply: true,
    assured: true,
    status: '0x3ae',
    port_id: 20_505,
    id: 7,
    zone: 3,
    original: event.original,
    reply: event.reply,
    client,
    service: { namespace: 'shop', name: 'redis', ip: '10.96.0.10', port: 6379 },
    backend,
  });
});

test('what is not known is left out', () => {
  const { event } = strangersEvent();
  const fields = parse(json.event(strangersEvent({ id: undefined, status: undefined, tcpState: undefined })));
  assert.deepEqual(fields, {
    time: NOON,
    event: 'new',
    protocol: 'tcp',
    seen_reply: true,
    assured: true,
    original: event.original,
    reply: event.reply,
    client: { ip: '2001:db8::7', port: 41_234 },
    backend: { ip: '2001:db8::1', port: 443 },
  });
});

test('a broken connection has every field of the log line', () => {
  const settings = { nf_conntrack_tcp_timeout_established: 86_400 };
  const broken = pickup({ pickedUpAtMs: NOON_MS, verdictAfterMs: 0 });
  assert.deepEqual(parse(json.finding(broken, settings)), {
    time: NOON,
    node: 'node-1',
    event: 'connection_broken',
    ...brokenLine(broken),
    msg: brokenSentence(broken, settings),
  });
});

test('a pickup has a verdict in place of the outcome; a lost entry says cause and state', () => {
  const near = pickup({ verdict: 'survived', mapping: 'same', broken: false });
  const fields = parse(json.finding(near, {}));
  assert.deepEqual(
    [fields['event'], fields['verdict'], fields['outcome']],
    ['pickup', 'survived', undefined],
  );
  assert.ok(Array.isArray(fields['evidence']));
  const lost = parse(json.finding(entryLost({ cause: 'deleted' }), {}));
  assert.deepEqual([lost['event'], lost['cause'], lost['state']], ['entry_lost', 'deleted', 'ESTABLISHED']);
});

test('what is missing is an object of its own', () => {
  assert.deepEqual(parse(json.lost(898)), { event: 'events_lost', lost: 898 });
  assert.deepEqual(parse(json.skipped(7, 1)), { event: 'events_skipped', skipped: 7, findings: 1 });
});

test('control characters of names are escaped', () => {
  const { client } = namedEvent();
  const line = json.event(namedEvent({}, { client: { ...client, pod: EVIL } }));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
  assert.doesNotMatch(line.trimEnd(), /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
  assert.equal((parse(line)['client'] as { pod: string }).pod, EVIL);
});
