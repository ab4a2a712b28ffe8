/** A policy's text with the places of what it says, so that a fault can be told with line and column. */
import { isCollection, isMap, isPair, isScalar, LineCounter, type Node, type Pair, parseDocument } from 'yaml';

/** `line` and `column` count from 1. */
export interface PolicyFault {
  line: number;
  column: number;
  message: string;
}

export type Path = readonly PropertyKey[];

export type ParsedSource =
  | { ok: true; value: unknown; faultAt(path: Path, message: string): PolicyFault }
  | { ok: false; faults: PolicyFault[] };

/** YAML 1.2, without anchors to expand without end, and no key twice. */
export function parseSource(text: string): ParsedSource {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const place = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  const broken = [...document.errors, ...document.warnings];
  if (broken.length > 0)
    return { ok: false, faults: broken.map(({ pos, message }) => ({ ...place(pos[0]), message })) };
  const faultAt = (path: Path, message: string) => ({ ...place(offsetOf(document.contents, path)), message });
  try {
    return { ok: true, value: document.toJS({ maxAliasCount: 100 }), faultAt };
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    return { ok: false, faults: [faultAt([], error.message)] };
  }
}

/** Where the path begins, or as much of it as is there: a map's entry begins with its key. */
function offsetOf(root: Node | null, path: Path): number {
  let offset = root?.range?.[0] ?? 0;
  let node: unknown = root;
  for (const step of path) {
    const found = isCollection(node) ? entryOf(node.items, step, isMap(node)) : undefined;
    if (found === undefined) return offset;
    const start = isPair(found) ? found.key : found;
    offset = (start as Node | null)?.range?.[0] ?? offset;
    node = isPair(found) ? found.value : found;
  }
  return offset;
}

function entryOf(items: readonly unknown[], step: PropertyKey, byKey: boolean): Pair | Node | undefined {
  if (!byKey) return items[Number(step)] as Node | undefined;
  return items.find(
    (item): item is Pair => isPair(item) && isScalar(item.key) && String(item.key.value) === String(step),
  );
}
