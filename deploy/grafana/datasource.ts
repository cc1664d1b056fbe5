/** The Prometheus that is chosen at the top of a dashboard. */
export const DATASOURCE = { type: 'prometheus', uid: `\${datasource}` };
