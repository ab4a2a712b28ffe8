/** A policy's text with the place of each element, so that a fault has a line and a column. */
import {
  type Document,
  isCollection,
  isMap,
  isPair,
  isScalar,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  visit,
} from 'yaml';

/** A larger text is refused unread: parsing it would block the process. */
export const SOURCE_MAX_BYTES = 1024 * 1024;

/** `line` and `column` start at 1. */
export interface PolicyFault {
  line: number;
  column: number;
  message: string;
}

export type Path = readonly PropertyKey[];

export type ParsedSource =
  | { ok: true; value: unknown; faultAt(path: Path, message: string): PolicyFault }
  | { ok: false; faults: PolicyFault[] };

/** YAML 1.2 without features that hide the meaning of a text: directives, anchors and duplicate keys. */
export function parseSource(text: string): ParsedSource {
  if (Buffer.byteLength(text) > SOURCE_MAX_BYTES)
    return { ok: false, faults: [{ line: 1, column: 1, message: `is longer than ${SOURCE_MAX_BYTES} bytes` }] };
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const place = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  const broken = [...document.errors, ...document.warnings];
  if (broken.length > 0)
    return { ok: false, faults: broken.map(({ pos, message }) => ({ ...place(pos[0]), message })) };
  const misleading = misleadingParts(document, text).map(({ offset, message }) => ({ ...place(offset), message }));
  if (misleading.length > 0) return { ok: false, faults: misleading };
  const faultAt = (path: Path, message: string) => ({ ...place(offsetOf(document.contents, path)), message });
  return { ok: true, value: document.toJS(), faultAt };
}

function misleadingParts(document: Document, text: string): { offset: number; message: string }[] {
  const found: { offset: number; message: string }[] = [];
  if (/^%/.test(text)) found.push({ offset: 0, message: 'directives are not allowed' });
  visit(document, {
    Alias: (_key, alias) =>
      void found.push({ offset: alias.range?.[0] ?? 0, message: 'anchors and aliases are not allowed' }),
    Pair: (_key, { key }) => {
      if (isScalar(key) && key.value === '__proto__')
        found.push({ offset: key.range?.[0] ?? 0, message: 'the key "__proto__" is not allowed' });
    },
  });
  return found;
}

/** The offset of the path, or of its longest existing part. An entry of a map begins with its key. */
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
