/**
 * Checks of a JSON text without parsing it: one pass and no recursion, so that deep or large input is cheap. For text
 * that is not JSON the results have no meaning; the parser runs later.
 */

/** Calls `visit` at each bracket outside of strings, with the depth inside it. Stops when `visit` returns true. */
function someBracket(json: string, visit: (index: number, depth: number, opens: boolean) => boolean): boolean {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < json.length; i += 1) {
    const code = json.charCodeAt(i);
    if (inString) {
      if (code === 0x5c) i += 1;
      else if (code === 0x22) inString = false;
    } else if (code === 0x22) inString = true;
    else if (code === 0x7b || code === 0x5b) {
      depth += 1;
      if (visit(i, depth, true)) return true;
    } else if (code === 0x7d || code === 0x5d) {
      if (visit(i, depth, false)) return true;
      depth -= 1;
    }
  }
  return false;
}

/** True if the JSON text nests deeper than `limit`. The outermost object is level 1. */
export function isDeeperThan(limit: number, json: string): boolean {
  return someBracket(json, (_, depth) => depth > limit);
}

/**
 * The outermost object with null in place of every nested object and array. This is enough to read the actor, and
 * cheap.
 */
export function outermostOf(json: string): string {
  const kept: string[] = [];
  let from = 0;
  someBracket(json, (index, depth, opens) => {
    if (depth === 2) {
      if (opens) kept.push(json.slice(from, index), 'null');
      from = index + 1;
    }
    return false;
  });
  return kept.join('') + json.slice(from);
}
