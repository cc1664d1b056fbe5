/** Every query of every panel, run against a real Prometheus that scrapes a real agent: each returns data. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { sysctl } from '../../src/lab/namespace.ts';
import { sendOnAll, skip as skipKernel } from '../support/cluster.ts';
import { DASHBOARDS, queriesOf, readDashboard, variableQueriesOf } from '../support/dashboard-queries.ts';
import { skip as skipPrometheus } from '../support/prometheus.ts';
import { createWatched } from '../support/watched-cluster.ts';

const ESTABLISHED_TIMEOUT = 'net.netfilter.nf_conntrack_tcp_timeout_established';
// The graphs count what is new in a step: one step is the whole range, which has all breaks in it.
const CHOSEN = { rangeSeconds: 60, stepSeconds: 60, rateSeconds: 15, variables: { node: 'node-1' } };

describe('dashboards', { skip: skipKernel || skipPrometheus }, () => {
  test('every query of every panel has data, and every variable something to choose', async (t) => {
    await using watched = await createWatched(t, { agent: ['--confirm-window', '500ms'] });
    const { prometheus, breakSome, lab, client, target, agent } = watched;
    await breakSome(2);
    // One that expires and is reset, one that stalls, and some that are at risk.
    await sysctl(lab.node, ESTABLISHED_TIMEOUT, 2);
    await lab.setBackends([lab.servers[0]!]);
    await client.connect({ ...target, count: 1 });
    const isThere = async () => (await lab.conntrackList()).includes(`dst=${target.host} `);
    await prometheus.until(isThere, (there) => !there, 'expired');
    await lab.setBackends([lab.servers[1]!]);
    assert.equal((await sendOnAll(client)).reset, 1);
    await client.closeAll();
    await sysctl(lab.node, ESTABLISHED_TIMEOUT, 86_400);
    await lab.setBackends([lab.servers[0]!]);
    await client.connect({ ...target, count: 1 });
    await lab.setBackends([lab.servers[1]!]);
    await lab.drop(lab.servers[1]!, 'server');
    await lab.flush();
    await client.send();
    await agent.until((s) => s.sum('broken_connections_total', { outcome: 'stalled' }) === 1, 'stalled');
    await lab.stopDropping();
    await client.abort();
    await lab.setBackends(lab.servers);
    await client.connect({ ...target, count: 3 });
    await agent.until((s) => s.sum('connections_at_risk') === 3, 'at risk');
    // Enough scrapes for a rate.
    await prometheus.until(
      () => prometheus.query('count_over_time(up[60s])'),
      ([count]) => (count?.value ?? 0) >= 15,
      'scraped often enough',
    );

    const empty: string[] = [];
    let queries = 0;
    for (const name of DASHBOARDS) {
      const dashboard = readDashboard(name);
      for (const { panel, refId, expr } of queriesOf(dashboard, CHOSEN)) {
        queries++;
        const answer = await prometheus.query(expr).catch((error: Error) => error.message);
        if (typeof answer === 'string') empty.push(`${name}, ${panel}, ${refId}: ${answer}`);
        else if (answer.length === 0) empty.push(`${name}, ${panel}, ${refId}: no data from ${expr}`);
      }
      for (const { variable, series, label } of variableQueriesOf(dashboard, CHOSEN)) {
        const values = await prometheus.query(`count by (${label}) (${series})`);
        if (values.length === 0) empty.push(`${name}, variable ${variable}: nothing in ${series}`);
      }
    }
    assert.deepEqual(empty, []);
    assert.ok(queries > 50, `${queries} queries`);
    t.diagnostic(`${queries} queries have data`);
  });
});
