/** Every query of every panel, run against a real Prometheus that scrapes a real agent: each returns data. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { exec, sysctl } from '../../src/lab/namespace.ts';
import { sendOnAll, skip as skipKernel } from '../support/cluster.ts';
import { DASHBOARDS, queriesOf, readDashboard, variableQueriesOf } from '../support/dashboard-queries.ts';
import { skip as skipPrometheus } from '../support/prometheus.ts';
import { createWatched } from '../support/watched-cluster.ts';

const ESTABLISHED_TIMEOUT = 'net.netfilter.nf_conntrack_tcp_timeout_established';
// The graphs count what is new in a step: one step is the whole range, which has all breaks in it.
const CHOSEN = { rangeSeconds: 60, stepSeconds: 60, rateSeconds: 15, variables: { node: 'node-1' } };

describe('dashboards', { skip: skipKernel || skipPrometheus }, () => {
  test('every query of every panel has data, and every variable something to choose', async (t) => {
    // Connections to the backend that has left the Service are not protected, and break.
    await using watched = await createWatched(t, {
      backends: 3,
      left: [0],
      agent: ['--confirm-window', '500ms', '--protect', 'renew'],
    });
    const { prometheus, breakSome, lab, client, target, agent } = watched;
    await breakSome(2);
    // One that expires and is reset, one that stalls, some that are at risk, and some that are protected.
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
    await lab.setBackends([lab.servers[0]!]);
    await client.connect({ ...target, count: 3 });
    await lab.setBackends([lab.servers[1]!]);
    await client.connect({ ...target, count: 2 });
    const toSecond = ['-p', 'tcp', '--orig-dst', target.host, '--reply-src', lab.servers[1]!.ip];
    await exec(lab.node, 'conntrack', ['-U', ...toSecond, '--timeout', '600']);
    await agent.until(
      (s) =>
        s.sum('connections_at_risk', { reason: 'no_keepalive' }) === 3 &&
        s.sum('connections_at_risk', { reason: 'protected' }) === 2 &&
        s.sum('renewals_total', { result: 'renewed' }) === 2,
      'at risk, protected and renewed',
    );
    await prometheus.until(
      () => prometheus.query('sum(conntrack_watchdog_renewals_total{result="renewed"})'),
      ([renewed]) => renewed?.value === 2,
      'scraped after the renewals',
    );
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
