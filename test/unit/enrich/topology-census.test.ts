import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { TopologyCensus } from '../../../src/enrich/topology-census.ts';
import { readInto } from '../../../src/enrich/topology-file.ts';

const RECORDED = new URL('../../fixtures/topology/kubectl-get.yaml', import.meta.url);

test('what a recorded file has is counted, and can be asked like any topology', async () => {
  const text = readFileSync(RECORDED, 'utf8');
  const census = await readInto(new TopologyCensus('node-a'), text, 'cluster.yaml');
  const kinds = (kind: string) => text.match(new RegExp(`^  kind: ${kind}$`, 'gm'))?.length ?? 0;
  assert.ok(census.serviceCount > 0 && census.endpointCount > 0 && census.podCount > 0);
  assert.deepEqual([census.serviceCount, census.podCount], [kinds('Service'), kinds('Pod')]);
  const named = [...text.matchAll(/^\s+nodeName: (.+)$/gm)].map(([, node]) => node);
  assert.deepEqual([...census.nodes].sort(), [...new Set(named)].sort());
  assert.ok([...census.services()].length > 0);
});
