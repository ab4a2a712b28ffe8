import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import ts from 'typescript';

const FOLDER = join('web', 'chat', 'src');
/** What runs in the browser besides the page itself. */
const LIBRARIES = ['preact', 'preact/hooks', '@preact/signals', '@parley-chat/client/realtime'];
/** The schemas need a library that the page does not have, so only their types may be imported. */
const TYPES = ['@parley-chat/client/contract'];

describe('The chat page', () => {
  it('imports only its own files, Preact, and the client library', () => {
    const refused: string[] = [];
    let imports = 0;
    for (const name of readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })) {
      if (!/\.tsx?$/.test(name)) continue;
      const source = ts.createSourceFile(name, readFileSync(join(FOLDER, name), 'utf8'), ts.ScriptTarget.Latest);
      for (const statement of source.statements) {
        if (!ts.isImportDeclaration(statement) || !ts.isStringLiteral(statement.moduleSpecifier)) continue;
        imports += 1;
        const { text } = statement.moduleSpecifier;
        const isType = statement.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword;
        const isOwn = text.startsWith('.') && !join(FOLDER, name, '..', text).startsWith('..');
        if (!isOwn && !LIBRARIES.includes(text) && !(isType && TYPES.includes(text))) refused.push(`${name}: ${text}`);
      }
    }
    expect(imports).to.be.above(20);
    expect(refused).to.deep.equal([]);
  });

  it('executes no markup: nothing sets HTML or runs a text', () => {
    const dangerous = /dangerouslySetInnerHTML|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|srcdoc/;
    for (const name of readdirSync(FOLDER, { recursive: true, encoding: 'utf8' }))
      if (/\.tsx?$/.test(name)) expect(readFileSync(join(FOLDER, name), 'utf8'), name).to.not.match(dangerous);
  });
});
