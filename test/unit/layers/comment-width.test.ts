import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import ts from 'typescript';

const COLUMNS_MAX = 120;
const GENERATED = join('src', 'adapters', 'stores', 'prisma', 'generated');

describe('A comment in the source', () => {
  it(`fits in ${COLUMNS_MAX} columns`, () => {
    const wide: string[] = [];
    for (const file of sourceFiles()) {
      const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
      for (const line of linesWithComments(source)) {
        const { text } = source;
        const [start, end] = [source.getPositionOfLineAndCharacter(line, 0), source.getLineStarts()[line + 1]];
        const width = text.slice(start, end).trimEnd().length;
        if (width > COLUMNS_MAX) wide.push(`${file}:${line + 1} (${width} columns)`);
      }
    }
    expect(wide).to.deep.equal([]);
  });
});

function sourceFiles(): string[] {
  return ['src', 'test', 'bench', 'web']
    .flatMap((folder) => readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)))
    .filter((path) => /\.tsx?$/.test(path))
    .filter((path) => !path.startsWith(GENERATED));
}

function linesWithComments(source: ts.SourceFile): Set<number> {
  const lines = new Set<number>();
  const visit = (node: ts.Node): void => {
    const before = ts.getLeadingCommentRanges(source.text, node.getFullStart()) ?? [];
    const behind = ts.getTrailingCommentRanges(source.text, node.getEnd()) ?? [];
    for (const { pos, end } of [...before, ...behind]) {
      const last = source.getLineAndCharacterOfPosition(end).line;
      for (let { line } = source.getLineAndCharacterOfPosition(pos); line <= last; line += 1) lines.add(line);
    }
    for (const child of node.getChildren(source)) visit(child);
  };
  visit(source);
  return lines;
}
