import { writeFileSync } from 'node:fs';
import { logger, parse, View, Warn } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';

const WIDTH_PX = 640;
const HEIGHT_PX = 280;

/** The style of all plots of the bench: a white background, and fonts that exist everywhere. */
const CONFIG: TopLevelSpec['config'] = {
  background: 'white',
  font: 'sans-serif',
  view: { stroke: null },
  title: { anchor: 'start', fontSize: 14, subtitleFontSize: 11, subtitlePadding: 4, offset: 12 },
  axis: { grid: true, gridColor: '#e5e5e5', domainColor: '#888888', tickColor: '#888888' },
  range: { category: { scheme: 'tableau10' } },
};

/** Renders a Vega-Lite specification as SVG, without a browser. Defaults are those of all plots of the bench. */
export async function drawPlot(spec: TopLevelSpec): Promise<string> {
  const whole = { width: WIDTH_PX, height: HEIGHT_PX, ...spec, config: { ...CONFIG, ...spec.config } } as TopLevelSpec;
  const view = new View(parse(compile(whole).spec), { renderer: 'none', logger: logger(Warn) });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}

export async function writePlot(file: string, spec: TopLevelSpec): Promise<void> {
  writeFileSync(file, await drawPlot(spec));
}

/** One point of a line. */
export interface Point {
  series: string;
  x: number;
  y: number;
}

export interface LinePlot {
  title: string;
  subtitle?: string;
  /** `isCount`: whole numbers, without ticks between two of them. */
  x: { title: string; scale?: 'linear' | 'log'; reverse?: boolean; isCount?: boolean };
  y: { title: string; scale?: 'linear' | 'log'; domain?: [number, number] };
  points: readonly Point[];
}

/** Lines with points, one line per series, in the order of first occurrence. */
export function linePlot({ title, subtitle, x, y, points }: LinePlot): TopLevelSpec {
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title: subtitle === undefined ? title : { text: title, subtitle },
    data: { values: points.map((point) => ({ ...point })) },
    mark: { type: 'line', point: true },
    encoding: {
      x: {
        field: 'x',
        type: 'quantitative',
        title: x.title,
        ...(x.isCount ? { axis: { tickMinStep: 1, format: 'd' } } : {}),
        scale:
          x.scale === 'log'
            ? { type: 'log', reverse: x.reverse ?? false }
            : { zero: false, reverse: x.reverse ?? false },
      },
      y: {
        field: 'y',
        type: 'quantitative',
        title: y.title,
        scale: { type: y.scale ?? 'linear', ...(y.domain === undefined ? {} : { domain: y.domain }) },
      },
      color: { field: 'series', type: 'nominal', title: null, sort: null },
      order: { field: 'x', type: 'quantitative' },
    },
  };
}
