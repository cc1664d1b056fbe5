import {
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { PREFIX } from '../../src/report/metric-table.ts';
import { DATASOURCE } from './datasource.ts';

const ANY_WITH_CLIENT = `{__name__=~"${PREFIX}(broken_connections_total|connections_at_risk|protected_connections)",job="$job",instance=~"$node"}`;

export function datasource() {
  return new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus');
}

export function job() {
  const value = 'conntrack-watchdog';
  return labelValues('job', 'Job', `${PREFIX}build_info`, 'job').current({
    selected: true,
    text: value,
    value,
  });
}

export function oneNode() {
  return labelValues('node', 'Node', `${PREFIX}build_info{job="$job"}`, 'instance');
}

/** Those of the fleet view; each of them offers what the ones before it leave. */
export function fleetFilters() {
  const services = `${PREFIX}service_connections{job="$job",instance=~"$node"`;
  const ofNamespace = `${services},service_namespace=~"$service_namespace"}`;
  return [
    all(oneNode()),
    all(labelValues('service_namespace', 'Service namespace', `${services}}`, 'service_namespace')),
    all(labelValues('service', 'Service', ofNamespace, 'service_name')),
    all(labelValues('client_namespace', 'Client namespace', ANY_WITH_CLIENT, 'client_namespace')),
  ];
}

function labelValues(name: string, label: string, series: string, of: string): QueryVariableBuilder {
  const query = `label_values(${series},${of})`;
  return new QueryVariableBuilder(name)
    .label(label)
    .datasource(DATASOURCE)
    .definition(query)
    .query({ qryType: 1, query, refId: 'PrometheusVariableQueryEditor-VariableQuery' })
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc);
}

/** All is a regular expression that fits an empty label too: addresses of no Service, clients of no namespace. */
function all(variable: QueryVariableBuilder): QueryVariableBuilder {
  return variable
    .multi(true)
    .includeAll(true)
    .allValue('.*')
    .current({ selected: true, text: ['All'], value: ['$__all'] });
}
