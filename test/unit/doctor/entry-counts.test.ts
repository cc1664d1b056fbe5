import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EntryCounts } from '../../../src/doctor/entry-counts.ts';
import type { FlowRow } from '../../../src/model/flow-row.ts';

const ESTABLISHED = 3;

/** 1 to 2, answered by 2, untranslated. Each number is an address. */
function row(changes: Partial<FlowRow> & { readonly addresses?: readonly number[] }): FlowRow {
  const { addresses = [1, 2, 2, 1], ...rest } = changes;
  const words = new Uint32Array(16);
  // IPv4 leaves three words of each as they were; here they are noise that differs.
  for (const [i, address] of addresses.entries()) words.set([address, i, i * 7, i * 9], i * 4);
  return {
    v6: false,
    words,
    sport: 40_000,
    dport: 80,
    replySport: 80,
    replyDport: 40_000,
    zone: 0,
    status: 0xe,
    tcpState: ESTABLISHED,
    timeoutSeconds: 100,
    ...rest,
  };
}

function count(...rows: FlowRow[]) {
  const counts = new EntryCounts();
  for (const each of rows) counts.add(each);
  return { translated: counts.translated, zones: [...counts.zones] };
}

test('connections that netfilter or IPVS translates are counted, others are not', () => {
  assert.deepEqual(count(row({})), { translated: 0, zones: [] });
  assert.equal(count(row({ status: 0x2e, addresses: [1, 2, 3, 1] })).translated, 1, 'netfilter');
  assert.equal(count(row({ addresses: [1, 2, 3, 1] })).translated, 1, 'IPVS, another address');
  assert.equal(count(row({ replySport: 8080 })).translated, 1, 'IPVS, another port');
  assert.equal(count(row({ addresses: [1, 2, 2, 9] })).translated, 0, 'masqueraded only');
  const words = Uint32Array.of(0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 1);
  assert.equal(count(row({ v6: true, words })).translated, 1, 'IPv6, in its last word');
});

test('connections that are closing or not open yet do not count; zones do', () => {
  for (const tcpState of [0, 1, 2, 7, 8, 9]) {
    assert.deepEqual(count(row({ status: 0x2e, tcpState, zone: 5 })), { translated: 0, zones: [] });
  }
  assert.deepEqual(count(row({ zone: 5 }), row({ zone: 5 }), row({ zone: 7 })).zones, [5, 7]);
});
