import { expect } from 'chai';
import fc from 'fast-check';
import { FRAGMENTS_MAX, highlight, SHOWN_WHOLE_MAX_CHARACTERS } from '../../../../src/domain/search/highlights.js';
import { searchTerms } from '../../../../src/domain/search/search-terms.js';

const marked = (text: string, query: string, stemOf?: (word: string) => string | null) =>
  highlight(text, searchTerms(query), stemOf).map((fragment) =>
    fragment.map((piece) => (piece.match ? `[${piece.text}]` : piece.text)).join(''),
  );

describe('Highlights', () => {
  for (const [text, query, expected] of [
    ['some tea, please', 'TEA', 'some [tea], please'],
    ['see https://example.com/a/b now', 'example.com/a', 'see https://[example.com/a]/b now'],
    ['tea at five, tea at six', '"tea at six"', 'tea at five, [tea at six]'],
    ['tea at five, tea at six', 'tea "at six"', '[tea] at five, [tea] [at six]'],
    ['call getUserName', 'user', 'call [getUserName]'],
    ['#release of the release', '#release', '#[release] of the [release]'],
    ['working words', 'wor*', '[working] [words]'],
    ['東京タワーへ', '東京', '[東京タワー]へ'],
    ['cafe\u0301 ½ ﬁn', 'café fin', '[cafe\u0301] ½ [ﬁn]'],
    ['a b a b c', '"a b c"', 'a b [a b c]'],
    ['nothing here', 'tea', 'nothing here'],
  ] as const)
    it(`mark ${query} in ${text}`, () => {
      expect(marked(text, query)).to.deep.equal([expected]);
    });

  it('mark words with the same stem, except in a phrase in quotes', () => {
    const stemOf = (word: string) => word.replace(/(ment|ing|s)$/, '');
    expect(marked('a deployment', 'deploys', stemOf)).to.deep.equal(['a [deployment]']);
    expect(marked('a deployment', '"deploys"', stemOf)).to.deep.equal(['a deployment']);
  });

  it('are excerpts around the matches of a long text', () => {
    const filler = 'filler words '.repeat(40);
    const [first, second] = marked(`${filler}needle ${filler}${filler}needle ${filler}`, 'needle');
    for (const fragment of [first, second]) expect(fragment).to.match(/^\S.* \[needle\] .*\S$/);
    expect(marked(`${filler}`, 'needle')).to.have.length(1);
  });

  const words = fc.array(
    fc.constantFrom('a', 'tea', 'Tea', '東京タワー', '#tag', 'x'.repeat(90), '👍', '\n', '½', 'b c'),
    {
      maxLength: 400,
    },
  );
  it('are parts of the text, in order, with every match in them, and bounded', () => {
    fc.assert(
      fc.property(words, fc.constantFrom('tea', 'a', '"a tea"', 'x*', '東京', 'b.c', 'a tea b'), (all, query) => {
        const text = all.join(' ');
        let from = 0;
        const fragments = highlight(text, searchTerms(query));
        for (const fragment of fragments) {
          const whole = fragment.map((piece) => piece.text).join('');
          const at = text.indexOf(whole, from);
          expect(at).to.be.at.least(0);
          from = at + whole.length;
        }
        expect(fragments.length).to.be.at.most(FRAGMENTS_MAX);
        expect(fragments.flat().reduce((sum, { text: piece }) => sum + piece.length, 0)).to.be.at.most(
          FRAGMENTS_MAX * 3 * SHOWN_WHOLE_MAX_CHARACTERS,
        );
      }),
    );
  });

  it('read a text only until they are full', () => {
    const terms = searchTerms('a');
    const cost = (length: number) => {
      const text = 'a '.repeat(length / 2);
      const startedAt = performance.now();
      for (let time = 0; time < 100; time += 1) highlight(text, terms);
      return performance.now() - startedAt;
    };
    let [short, long] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    for (let tries = 0; tries < 10 && long > 3 * short; tries += 1) {
      short = Math.min(short, cost(1_024));
      long = Math.min(long, cost(16_384));
    }
    expect(long).to.be.at.most(3 * short);
  });
});
