/** A right at the API server, in all namespaces. */
export interface Access {
  readonly verb: string;
  /** API group, empty for the core. */
  readonly group: string;
  readonly resource: string;
}

export interface AccessAnswer extends Access {
  readonly allowed: boolean;
}
