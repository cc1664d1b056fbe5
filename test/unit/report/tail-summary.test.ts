import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tailSummary } from '../../../src/report/tail-summary.ts';

test('the summary counts, and says only what there was', () => {
  const counts = { shown: 1, lost: 0, skipped: 0, malformed: 0, broken: 1, isWritten: true };
  assert.equal(tailSummary(counts), '1 event shown, 0 lost, 1 broken connection');
  assert.equal(
    tailSummary({ shown: 5, lost: 898, skipped: 7, malformed: 2, broken: 0, isWritten: false }),
    '5 events shown, 898 lost, 7 not shown because the output was not read fast enough, 2 not understood, 0 broken connections; the last lines were not written, because nobody read them',
  );
});
