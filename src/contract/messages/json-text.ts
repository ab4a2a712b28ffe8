/**
 * What can be told of a JSON text without parsing it: in one pass, with nothing recursive, so that depth and size cost nothing.
 * On text that is no JSON the answers mean nothing; parsing comes after.
 */

/** Calls `visit` at each bracket outside of strings, with the depth within it; stops when it answers true. */
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

/** True if the JSON text nests deeper than `limit`; the outermost object is level 1. */
export function isDeeperThan(limit: number, json: string): boolean {
  return someBracket(json, (_, depth) => depth > limit);
}

/** The outermost object with null in place of every object and array within: enough to name an actor, at no cost. */
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
