import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promtoolPath } from './prometheus.ts';

export interface QueryTest {
  /** Series and their values by minute, as promtool writes them. */
  readonly series: readonly { readonly series: string; readonly values: string }[];
  /** When it is asked: `60m`. */
  readonly at: string;
  /** All that the answer has; labels as `{instance="node-1"}`. */
  readonly samples: readonly { readonly labels: string; readonly value: number }[];
}

/** Asks one query by `promtool test rules`: `as expected`, or what promtool said. */
export function testQuery(expr: string, { series, at, samples }: QueryTest): string {
  const folder = mkdtempSync(join(tmpdir(), 'conntrack-watchdog-promtool-'));
  try {
    const promqlTest = [{ expr, eval_time: at, exp_samples: samples }];
    const file = join(folder, 'test.yaml');
    writeFileSync(
      file,
      JSON.stringify({ tests: [{ interval: '1m', input_series: series, promql_expr_test: promqlTest }] }),
    );
    const { status, stdout, stderr, error } = spawnSync(promtoolPath(), ['test', 'rules', file], {
      encoding: 'utf8',
    });
    if (error) throw error;
    return status === 0 ? 'as expected' : stdout + stderr;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
