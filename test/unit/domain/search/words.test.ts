import { expect } from 'chai';
import fc from 'fast-check';
import { indexedWords, otherWords } from '../../../../src/domain/search/indexed-words.js';
import { matchesTerms, SEARCH_WORDS_MAX, searchTerms } from '../../../../src/domain/search/search-terms.js';
import { plainWords, WORD_MAX_CHARACTERS, wordsOf } from '../../../../src/domain/search/words.js';

const finds = (text: string, query: string) => matchesTerms(indexedWords(text), searchTerms(query));

/** A text, and search texts that find it. */
const FOUND: [text: string, ...queries: string[]][] = [
  ['He said “hello” to me', 'hello', '“hello”', '"said hello to"'],
  ['wait—what', 'wait', 'what', 'wait—what'],
  ['ok…', 'ok'],
  ['«bonjour»', 'bonjour'],
  ['¿qué pasa?', 'qué'],
  ['it’s fine', 'it', 'it’s', "it's fine"],
  ['hello\u00a0world', 'world'],
  ['ok\u{1F44D}', 'ok'],
  ['20°C', '20'],
  ['привет—мир', 'мир', 'ПРИВЕТ'],
  ['مرحبا، كيف', 'مرحبا'],
  ['नमस्ते।', 'नमस्ते'],
  [
    'see https://example.com/path/qwerty4?x=1',
    ...['https://example.com/path/qwerty4?x=1', 'example.com/path/qwerty4?x=1', 'example.com', 'example', 'qwerty4'],
  ],
  ['https://git.example.com/a/issues/42', 'https://git.example.com/a/issues/42', 'issues/42'],
  ['write to john.doe@example.net', 'john.doe@example.net', 'john.doe', 'example.net', 'doe', '@example'],
  ['a <script>alert(1)</script> b', 'alert', '<script>'],
  ['obj.method(x)', 'method', 'obj.method'],
  ['/usr/local/bin/node', 'node', 'local/bin'],
  ['CVE-2024-3094', 'CVE-2024-3094', '2024-3094', 'cve'],
  ['v1.2.3 is out', '1.2.3', 'v1.2.3', 'v1'],
  ['我家在上海东边。', '上海'],
  ['東京タワーへ行きました', '東京'],
  ['ฉันรักภาษาไทยมาก', 'ภาษาไทย'],
  ['회의는 내일', '회의', '회의는 내일'],
  ['cafe\u0301 today', 'café'],
  ['café tonight', 'cafe\u0301'],
  ['ｆｕｌｌ', 'full'],
  ['soft\u00adhyphen', 'softhyphen'],
  ['zero\u200bwidth', 'zerowidth'],
  ['Straße', 'strasse', 'STRASSE'],
  ['STRASSE', 'straße'],
  ['ΣΊΣΥΦΟΣ', 'σίσυφος', 'σίσυφο*'],
  ['diyarbakır', 'DİYARBAKIR'],
  ['deployment', 'deploy', 'dep*', 'DEPLOYMENT'],
  ['ship #release-1.2 with @bob', '#release', 'release', '#release-1.2', '@bob', 'bob', '＃release'],
  ['call getUserName now', 'getUserName', 'getusername', 'user', 'name', '"call getUserName now"'],
  ['½ cup', '1', '2', '½'],
];

const NOT_FOUND: [text: string, ...queries: string[]][] = [
  ['one two three', 'one three two four', '"one three"', '"two one"', 'on', 'tw'],
  ['deployment', '"deploy"', 'd*', 'ployment'],
  ['release notes', '#release', '@notes'],
  ['example org com', 'example.com'],
  ['我家在上海东边。', '海东'],
  ['tea', '', '…', '- -'],
];

describe('The words of a text', () => {
  for (const [text, ...queries] of FOUND)
    it(`find ${JSON.stringify(text)}`, () => {
      for (const query of queries) expect(finds(text, query), query).to.equal(true);
    });

  for (const [text, ...queries] of NOT_FOUND)
    it(`do not find ${JSON.stringify(text)} by anything else`, () => {
      for (const query of queries) expect(finds(text, query), query).to.equal(searchTerms(query).length === 0);
    });

  /** Without scripts that are split by a dictionary: there a word depends on its neighbours. */
  const token = fc.constantFrom(
    ...['tea', 'Tea', 'a', 'é', 'e\u0301', 'ß', '#tag', '@bob', 'x_y', 'a-b', 'v1.2', '½', '42', 'getUserName', 'ﷺ'],
    ...['https://a.b/c?d=1#e', '"', '“', '”', '*', '…', '-', '👍', '\u200b', '회의는', 'привет', 'x'.repeat(100)],
  );
  const text = fc.array(fc.tuple(token, fc.constantFrom(' ', ' ', '', '\n', ', '))).map((all) => all.flat().join(''));

  it('find a text by any part of it that is pasted, from word to word', () => {
    fc.assert(
      fc.property(text, fc.nat(), fc.nat(), (whole, one, other) => {
        const words = wordsOf(whole);
        if (words.length === 0) return;
        const [first, last] = [one % words.length, other % words.length].sort((a, b) => a - b) as [number, number];
        const start = words[first]?.start ?? 0;
        const pasted = whole.slice(start, words[last]?.end);
        expect(finds(whole, pasted), JSON.stringify(pasted)).to.equal(true);
        const withSign = /[#@]/.test(whole.charAt(start - 1)) ? start - 1 : start;
        expect(finds(whole, whole.slice(withSign, words[last]?.end)), JSON.stringify(pasted)).to.equal(true);
      }),
      { numRuns: 2_000 },
    );
  });

  it('have places in the text, in order, and are never empty', () => {
    fc.assert(
      fc.property(fc.oneof(text, fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' })), (any) => {
        let before = 0;
        for (const { text: word, start, end } of wordsOf(any)) {
          expect(word).to.match(/^[^\s'\\]+$/u);
          expect(start).to.be.at.least(Math.min(before, start));
          expect(end).to.be.within(start + 1, any.length);
          expect(end - start).to.be.at.most(WORD_MAX_CHARACTERS);
          before = end;
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('are the same without the rules of a text that needs none', () => {
    const piece = fc.oneof(
      fc.constantFrom('v1', 'V2', 'camelCase', 'HTTPServer', '#tag', '@name', 'x'.repeat(64), 'x'.repeat(65), 'é'),
      ...[fc.stringMatching(/^[a-z]{1,8}$/), fc.stringMatching(/^[A-Z]?[a-z0-9]{1,8}$/), fc.string({ maxLength: 3 })],
    );
    let plain = 0;
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), fc.constantFrom(' ', '', '-', '\n'), (pieces, between) => {
        const whole = pieces.join(between);
        const found = plainWords(whole);
        if (found === null) return;
        plain += 1;
        const words = wordsOf(whole);
        expect(found).to.deep.equal(words.map((word) => word.text));
        expect(words.flatMap((word) => otherWords(whole, word))).to.deep.equal([]);
      }),
      { numRuns: 2_000 },
    );
    expect(plain).to.be.at.least(200);
  });

  it('are at most 32 in a search text', () => {
    const count = searchTerms('a b '.repeat(100)).reduce((sum, { words }) => sum + words.length, 0);
    expect(count).to.equal(SEARCH_WORDS_MAX);
  });
});

const SHORT = 1_024;
const LONG = 16 * SHORT;
/** Sixteen times as long, and room for the clock. Cost that grows with the square would be 256 times. */
const RATIO_MAX = 40;
const UNITS = [
  ...[
    'a_',
    'a-',
    'a.',
    '@0x',
    '1.1a_',
    'http://',
    'a@b.c',
    '#',
    '#a',
    'aA',
    'AAa',
    'v1',
    '日本語',
    '上',
    'ไทย',
    'ខ្មែរ',
  ],
  ...[
    'привет ',
    'e\u0301',
    '\u0301',
    'a\u200b',
    'ﷺ',
    '½',
    '한국어 ',
    'the quick brown fox ',
    'x',
    '"',
    '“a',
    '\u{1f600}',
  ],
];

describe('The cost of splitting a text', () => {
  function cost(unit: string, length: number): number {
    const text = unit.repeat(Math.ceil(length / unit.length)).slice(0, length);
    const times = (4 * LONG) / length;
    const startedAt = performance.now();
    for (let time = 0; time < times; time += 1) indexedWords(text);
    return (performance.now() - startedAt) / times;
  }

  for (const unit of UNITS)
    it(`is linear in its length for ${JSON.stringify(unit)}`, function () {
      this.timeout(20_000);
      let ratio = Number.POSITIVE_INFINITY;
      let [short, long] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
      // The least of several measurements: other processes disturb some of them.
      for (let tries = 0; tries < 10 && ratio > RATIO_MAX; tries += 1) {
        short = Math.min(short, cost(unit, SHORT));
        long = Math.min(long, cost(unit, LONG));
        ratio = long / short;
      }
      expect(ratio).to.be.at.most(RATIO_MAX);
    });
});
