/** Parsed Prometheus text, without the prefix `conntrack_watchdog_`. */
export interface Samples {
  /** Sum of the samples of this metric whose labels are, among others, these. 0 if there are none. */
  sum(name: string, labels?: Readonly<Record<string, string>>): number;
  /** The product's own samples that are not 0, for messages of failed tests. */
  text(): string;
}

const LINE = /^conntrack_watchdog_(\w+)(?:\{(.*)\})? (\S+)$/gm;

export function parseSamples(body: string): Samples {
  const samples = [...body.matchAll(LINE)].map(([text, name, labels = '', value]) => ({
    text,
    name,
    labels: new Map([...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, v]) => [key!, v!])),
    value: Number(value),
  }));
  return {
    sum: (name, labels = {}) =>
      samples
        .filter((s) => s.name === name && Object.entries(labels).every(([k, v]) => s.labels.get(k) === v))
        .reduce((sum, { value }) => sum + value, 0),
    text: () =>
      samples
        .filter(({ value, name }) => value !== 0 && !name!.startsWith('kernel_setting'))
        .map(({ text }) => text)
        .join('\n'),
  };
}
