/** The sum over all series of one metric in Prometheus text. Throws if there is none: 0 would be a claim. */
export function metricSum(body: string, name: string): number {
  const values = body
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .map((line) => Number(line.slice(line.lastIndexOf(' '))));
  if (values.length === 0) throw new Error(`the agent has no metric ${name}`);
  return values.reduce((sum, value) => sum + value, 0);
}
