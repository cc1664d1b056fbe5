import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import type { Panel, RowPanel } from '@grafana/grafana-foundation-sdk/dashboard';
import { type DashboardBuilder, RowBuilder } from '@grafana/grafana-foundation-sdk/dashboard';

const GRID_WIDTH = 24;

/** Panels side by side, from the left, that fill the width. */
export interface Line {
  readonly height: number;
  readonly panels: readonly (readonly [width: number, panel: Builder<Panel>])[];
}

/** A heading, and lines of panels below it. */
export interface Section {
  readonly title: string;
  readonly lines: readonly Line[];
}

/** Puts the sections below one another; panels are numbered from 1. */
export function layOut(dashboard: DashboardBuilder, sections: readonly Section[]): DashboardBuilder {
  let y = 0;
  let id = 0;
  for (const { title, lines } of sections) {
    dashboard.withRow(placed(new RowBuilder(title).build(), { id: ++id, x: 0, y: y++, w: GRID_WIDTH, h: 1 }));
    for (const { height, panels } of lines) {
      let x = 0;
      for (const [width, panel] of panels) {
        dashboard.withPanel(placed(panel.build(), { id: ++id, x, y, w: width, h: height }));
        x += width;
      }
      if (x !== GRID_WIDTH) throw new Error(`a line of "${title}" is ${x} wide, not ${GRID_WIDTH}`);
      y += height;
    }
  }
  return dashboard;
}

/** The dashboard's builder takes builders. */
function placed<T extends Panel | RowPanel>(
  panel: T,
  { id, ...gridPos }: { id: number; x: number; y: number; w: number; h: number },
): Builder<T> {
  return { build: () => ({ ...panel, id, gridPos }) };
}
