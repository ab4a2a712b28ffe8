/**
 * Flame graphs of V8's CPU profiles. Callers are above their callees. The width of a box is the time in the function
 * and in its callees.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const WIDTH_PX = 1_200;
const ROW_PX = 17;
const FONT_PX = 11;
/** Narrower boxes are left out; their time is included in the boxes above. */
const NARROWEST_PX = 0.4;
const LETTER_PX = 6.5;
const HEAD_PX = 40;
const MICROSECONDS_PER_MS = 1_000;
/** Frames of waiting, which are left out. */
const NOT_BUSY = new Set(['(idle)', '(program)']);

export interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number }; children?: number[] }[];
  samples: number[];
  timeDeltas: number[];
}

export interface Frame {
  name: string;
  where: string;
  /** Microseconds in the function and its callees. */
  total: number;
  children: Frame[];
}

/** Writes an SVG beside each `*.cpuprofile` of the folder. Returns the paths. */
export function writeFlameGraphs(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.cpuprofile'))
    .map((name) => {
      const profile = JSON.parse(readFileSync(join(folder, name), 'utf8')) as CpuProfile;
      const file = join(folder, name.replace(/\.cpuprofile$/, '.svg'));
      writeFileSync(file, flameGraph(frames(profile)));
      return file;
    });
}

/** The tree of calls. Calls of one function from one place are merged, the most expensive first. */
export function frames({ nodes, samples, timeDeltas }: CpuProfile): Frame {
  const own = new Map<number, number>();
  for (const [index, id] of samples.entries()) own.set(id, (own.get(id) ?? 0) + (timeDeltas[index] ?? 0));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const frame = (ids: readonly number[]): Frame => {
    const node = byId.get(ids[0] ?? 0);
    const calls = new Map<string, number[]>();
    for (const id of ids.flatMap((one) => byId.get(one)?.children ?? [])) {
      const callee = byId.get(id)?.callFrame;
      if (callee === undefined || NOT_BUSY.has(callee.functionName)) continue;
      const key = `${callee.functionName} ${callee.url}`;
      calls.set(key, [...(calls.get(key) ?? []), id]);
    }
    const children = [...calls.values()].map(frame).toSorted((a, b) => b.total - a.total);
    const self = ids.reduce((sum, id) => sum + (own.get(id) ?? 0), 0);
    return {
      name: node?.callFrame.functionName || '(anonymous)',
      where: placeOf(node?.callFrame.url ?? ''),
      total: self + children.reduce((sum, { total }) => sum + total, 0),
      children,
    };
  };
  return frame(nodes.slice(0, 1).map(({ id }) => id));
}

/** The path from the package or the project folder on, so that no path of this machine is shown. */
function placeOf(url: string): string {
  return url.replace(/^.*\/(node_modules|dist)\//, '');
}

export function flameGraph(root: Frame): string {
  const boxes: string[] = [];
  let depth = 0;
  const draw = (frame: Frame, left: number, level: number): void => {
    const width = (frame.total / root.total) * WIDTH_PX;
    if (width < NARROWEST_PX) return;
    depth = Math.max(depth, level + 1);
    boxes.push(box(frame, left, level, width, root.total));
    let next = left;
    for (const child of frame.children) {
      draw(child, next, level + 1);
      next += (child.total / root.total) * WIDTH_PX;
    }
  };
  draw({ ...root, name: 'busy' }, 0, 0);
  const height = HEAD_PX + depth * ROW_PX;
  const title = `Busy time of the process, ${(root.total / MICROSECONDS_PER_MS).toFixed(0)} ms`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH_PX}" height="${height}" viewBox="0 0 ${WIDTH_PX} ${height}" font-family="sans-serif" font-size="${FONT_PX}">`,
    `<rect width="100%" height="100%" fill="white"/><text x="4" y="20" font-size="14">${title}</text>`,
    ...boxes,
    '</svg>\n',
  ].join('\n');
}

function box({ name, where, total }: Frame, left: number, level: number, width: number, whole: number): string {
  const y = HEAD_PX + level * ROW_PX;
  const percent = ((100 * total) / whole).toFixed(1);
  const letters = Math.floor((width - 4) / LETTER_PX);
  const label =
    letters < 2 ? '' : `<text x="${(left + 2).toFixed(1)}" y="${y + 12}">${escaped(name.slice(0, letters))}</text>`;
  const rect = `<rect x="${left.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${ROW_PX - 1}" fill="${colour(where)}"/>`;
  return `<g><title>${escaped(`${name} ${where}: ${percent} %`)}</title>${rect}${label}</g>`;
}

/** Colours of our code, of libraries, and of the platform. */
function colour(where: string): string {
  if (where.startsWith('src/')) return '#f28e2b';
  return where === '' || where.startsWith('node:') ? '#bab0ab' : '#edc948';
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
