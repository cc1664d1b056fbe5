/** What the kernel makes of an update of the remaining time: it changes that of the entry that was meant, and nothing else. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readEntryAnswer } from '../../src/decode/entry-answer.ts';
import { BATCH, openRenewalSocket, type RenewalSocket } from '../../src/kernel/renewal-socket.ts';
import { ENTRY_REQUEST_BYTES, putEntryRequest } from '../../src/kernel/requests.ts';
import { createLab, type Lab } from '../../src/lab/lab.ts';
import { exec } from '../../src/lab/namespace.ts';
import type { EntryIdentity } from '../../src/model/protection.ts';
import { skip } from '../support/cluster.ts';
import { listEntries } from '../support/entries.ts';
import { inNamespace } from '../support/in-namespace.ts';
import { insertEntries } from '../support/insert-entries.ts';
import { assertNothingLeft } from '../support/leaks.ts';
import { address } from '../support/packets.ts';

const ENOENT = 2;
const FIRST_PORT = 2000;
const COUNT = 70;

/** What names the entries from these ports, as the kernel tells it; undefined: there is none. */
function identify(
  lab: Lab,
  socket: RenewalSocket,
  ports: readonly number[],
  zone = 0,
): (EntryIdentity | undefined)[] {
  const found = ports.map((): EntryIdentity | undefined => undefined);
  const bytes = new Uint8Array(ports.length * ENTRY_REQUEST_BYTES);
  const words = new Uint32Array(8);
  words[0] = address(lab.clients[0]!.address).readUInt32BE(0);
  words[4] = address(lab.service.ip).readUInt32BE(0);
  let length = 0;
  for (const [i, sport] of ports.entries()) {
    const key = { v6: false, words, sport, dport: lab.service.port, zone };
    length = putEntryRequest(bytes, length, i + 1, key);
  }
  let answers = 0;
  socket.ask(bytes.subarray(0, length), (answer) => {
    answers++;
    const read = readEntryAnswer(answer)!;
    if ('errno' in read) assert.equal(read.errno, ENOENT);
    else found[read.sequence - 1] = { ...read.identity };
  });
  assert.equal(answers, ports.length, 'each is answered');
  return found;
}

function renew(socket: RenewalSocket, entries: readonly EntryIdentity[], seconds: number) {
  const refused: [number, number][] = [];
  socket.renew(entries, seconds, (place, errno) => refused.push([place, errno]));
  return refused;
}

test('entries named by reply tuple and zone get their time; others, and what names none, stay as they are', {
  skip,
}, async (t) => {
  const lab = await createLab({ family: 4, rules: 'iptables', backends: 2 });
  t.after(async () => {
    await lab.close();
    assertNothingLeft();
  });
  await insertEntries(lab, COUNT);
  const socket = inNamespace(lab.node, openRenewalSocket);
  t.after(() => socket.close());
  const without = (text: string) => text.replace(/^(tcp +6) \d+ /, '$1 ');
  const before = (await listEntries(lab)).map(({ text }) => without(text));
  assert.equal(before.length, COUNT);

  const ports = Array.from({ length: BATCH }, (_, i) => FIRST_PORT + i);
  const known = identify(lab, socket, ports) as EntryIdentity[];
  assert.deepEqual(renew(socket, known, 500), []);
  const after = await listEntries(lab);
  for (const { sport, left } of after) {
    const isMeant = sport < FIRST_PORT + BATCH;
    assert.ok(isMeant ? left > 490 && left <= 500 : left > 80_000, `${sport}: ${left}`);
  }
  assert.deepEqual(
    after.map(({ text }) => without(text)).toSorted(),
    before.toSorted(),
    'nothing else changed',
  );

  // Of two in a batch one is gone, or another backend's by now: it alone is refused, and nothing is made.
  await exec(lab.node, 'conntrack', ['-D', '-p', 'tcp', '--sport', String(FIRST_PORT)]);
  const [first, second] = known as [EntryIdentity, EntryIdentity];
  const moved = { ...second, attributes: Uint8Array.from(second.attributes) };
  // The last byte of the backend's address: behind the headers of tuple, addresses and address.
  moved.attributes[15]! += 1;
  assert.deepEqual(renew(socket, [first, second], 400), [[0, ENOENT]]);
  assert.deepEqual(renew(socket, [second, moved], 300), [[1, ENOENT]]);
  assert.deepEqual(
    identify(lab, socket, [FIRST_PORT, FIRST_PORT + 1]).map((each) => each !== undefined),
    [false, true],
  );
  const inZone = Buffer.concat([second.attributes, Buffer.from([6, 0, 18, 0, 0, 9, 0, 0])]);
  assert.deepEqual(renew(socket, [{ family: 2, attributes: inZone }], 200), [[0, ENOENT]], 'another zone’s');
  assert.deepEqual(identify(lab, socket, [FIRST_PORT + 1], 9), [undefined]);
  const last = await listEntries(lab);
  assert.equal(last.length, COUNT - 1);
  const left = last.find(({ sport }) => sport === FIRST_PORT + 1)!.left;
  assert.ok(left > 290 && left <= 300, String(left));

  assert.throws(() => renew(socket, [{ family: 2, attributes: Buffer.alloc(0) }], 100), RangeError);
  assert.throws(
    () =>
      renew(
        socket,
        [
          second,
          {
            family: 2,
            attributes: Buffer.concat([second.attributes, Buffer.from([8, 0, 3, 0, 0, 0, 0, 0])]),
          },
        ],
        100,
      ),
    /named by its reply tuple and its zone/,
  );
  assert.equal(
    (await listEntries(lab)).find(({ sport }) => sport === FIRST_PORT + 1)!.left > 250,
    true,
    'nothing was sent',
  );
});
