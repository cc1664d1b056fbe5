/** Recordings of real kernels: exactly the breaks that happened. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pickupsInShort, readRecordings, replayText } from '../../support/recordings.ts';

/** Client's port, outcome, mapping, cause, and the sender if it was the server. */
const BROKEN: Readonly<Record<string, readonly string[]>> = {
  '5.10/iptables-expiry-flush-serverfirst': [
    '53982 reset backend_changed deleted',
    '53986 reset backend_changed deleted',
    '33256 reset backend_changed deleted',
    '46592 reset none unknown server',
    '49226 reset none deleted server',
    '54940 reset none deleted server',
    '50938 reset backend_changed deleted',
  ],
  '6.1/iptables-expiry-flush-serverfirst': [
    '51976 reset backend_changed timeout',
    '52862 reset backend_changed timeout',
    '41834 reset backend_changed timeout',
    '60022 reset backend_changed deleted',
    '35994 reset backend_changed deleted',
    '36010 reset backend_changed deleted',
    '51160 reset none timeout server',
    '45604 reset none deleted server',
    '51038 reset none deleted server',
  ],
  '6.1/ipvs': [
    '36418 reset none ipvs',
    '36616 reset none ipvs',
    '42658 reset none ipvs',
    '39250 reset none ipvs server',
    '40218 reset none ipvs server',
    '35172 reset none unseen',
    '42804 reset none ipvs',
    '56022 reset none ipvs',
    '32916 reset source_changed deleted',
    '34564 reset none ipvs',
    '44364 reset none unseen',
  ],
  '6.18/expiry-blind-then-seen': ['40478 reset unknown unseen', '39272 reset backend_changed timeout'],
  '6.18/flush': ['35490 reset backend_changed deleted', '35502 reset backend_changed deleted'],
  '6.18/half-closed': [
    '12714 reset unknown unseen',
    '12702 reset unknown unseen',
    '26692 reset backend_changed timeout',
  ],
  '6.18/host-network-client': ['54870 reset backend_changed deleted'],
  '6.18/kube-proxy-masquerade-flush': [
    '39282 reset source_changed deleted',
    '39298 reset backend_changed deleted',
    '39304 reset backend_changed deleted',
  ],
  '6.18/server-speaks-first': ['48636 reset none deleted server'],
  '6.18/stalled': [],
  '6.18/userspace-insert': [],
};

/** The client had gone; it was the server's end that was reset, as the recording says further down. */
const SERVERS_ONLY: readonly string[] = ['46592', '51160'];

const recordings = readRecordings();
const broken = (text: string | Uint8Array) =>
  pickupsInShort(replayText(text).told)
    .filter((short) => short.endsWith(' broken'))
    .map((short) => short.slice(0, -' broken'.length));

test('there is an expectation for every recording', () => {
  assert.deepEqual([...recordings.keys()], Object.keys(BROKEN));
});

for (const [name, bytes] of recordings) {
  test(`recorded on Linux ${name}`, () => {
    const { counts, unreadable } = replayText(bytes);
    assert.deepEqual(broken(bytes), BROKEN[name]);
    assert.deepEqual(unreadable, []);
    const events = counts.events.new + counts.events.update + counts.events.destroy;
    const text = bytes.toString();
    assert.equal(events, text.match(/^\[\d/gm)!.length);
    assert.equal(counts.lines, text.match(/\n/g)!.length);
    assert.equal(counts.other, counts.lines - events);
  });
}

/** What the clients saw, which the longer recordings have beside the events: the ports of connections that were reset. */
function resetClients(text: string): string[] {
  const ports: string[] = [];
  let port = '';
  for (const [, connected] of text.matchAll(/^\d+\.\d+ (?:connected (\d+)|error ECONNRESET read)$/gm)) {
    if (connected === undefined) ports.push(port);
    else port = connected;
  }
  return ports;
}

for (const name of [
  '5.10/iptables-expiry-flush-serverfirst',
  '6.1/iptables-expiry-flush-serverfirst',
  '6.1/ipvs',
]) {
  test(`every connection that its client saw reset, and no other: ${name}`, () => {
    const bytes = recordings.get(name)!;
    const clients = resetClients(bytes.toString());
    assert.ok(clients.length > 5);
    const told = broken(bytes).map((short) => short.split(' ')[0]!);
    assert.deepEqual(told.filter((port) => !SERVERS_ONLY.includes(port)).sort(), clients.sort());
  });
}

const withoutTime = (text: string) => text.replaceAll(/^\[\d+\.\d+\]\t/gm, '');
const withoutIds = (text: string) => text.replaceAll(/ id=\d+/g, '');

for (const [name, bytes] of recordings) {
  const text = bytes.toString();
  const expected = BROKEN[name]!;
  test(`the same breaks without ids, with CRLF, without the last line feed: ${name}`, () => {
    assert.deepEqual(broken(withoutIds(text)), expected);
    assert.deepEqual(broken(text.replaceAll('\n', '\r\n')), expected);
    assert.deepEqual(broken(text.trimEnd()), expected);
    assert.deepEqual(broken(`\ufeff${text}`), expected);
  });

  test(`the same breaks without time stamps, without times: ${name}`, () => {
    const { told, counts } = replayText(withoutTime(text));
    // Order does not tell an expired entry from a removed one on Linux 5.10.
    const causes = (short: string) =>
      name.startsWith('5.10') ? short.replace(/timeout|unknown/, '?') : short;
    const broken = pickupsInShort(told).filter((short) => short.endsWith(' broken'));
    assert.deepEqual(
      broken.map(causes),
      expected.map((short) => causes(`${short} broken`)),
    );
    assert.equal(counts.timed, 0);
    for (const { finding } of told) {
      if (finding.kind === 'pickup')
        assert.deepEqual([finding.pickedUpAtMs, finding.idleSeconds], [Number.NaN, undefined]);
    }
  });

  test(`the same breaks without UPDATE events: ${name}`, () => {
    const { told } = replayText(text.replaceAll(/^.*\[UPDATE\].*\n/gm, ''));
    assert.deepEqual(
      pickupsInShort(told).filter((short) => short.endsWith(' broken')),
      expected.map((short) => `${short} broken`),
    );
  });

  test(`the same breaks when each event is said to be of a protocol family: ${name}`, () => {
    assert.deepEqual(broken(text.replaceAll(/\] tcp {6}6 /g, '] ipv4     2 tcp      6 ')), expected);
  });
}
