import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SKIP_REASONS } from '../../../src/model/protection.ts';
import { unprotectedReasons, unprotectedText } from '../../../src/report/unprotected-text.ts';

test('each reason has a text of its own, the end of a sentence', () => {
  const texts = SKIP_REASONS.map(unprotectedText);
  assert.equal(new Set(texts).size, SKIP_REASONS.length);
  for (const text of texts) assert.match(text, /^(?:[a-z]|IPVS).*[^.]$/);
});

test('reasons of connections at risk, each once; a connection may have none', () => {
  const flows = [{ unprotected: 'ipvs' }, {}, { unprotected: 'max_idle' }, { unprotected: 'ipvs' }] as const;
  assert.deepEqual([...unprotectedReasons(flows)], ['ipvs', 'max_idle']);
});
