import { expect } from 'chai';
import { decodeLines, type IrcLine, parseLog, parseReplies } from '../../../examples/irc-log.js';

function only(text: string): IrcLine | undefined {
  return parseLog([text])[0];
}

describe('Reading an IRC log', () => {
  it('returns speaker, text and time', () => {
    expect(only('[09:14] <anna> is that so? <really>')).to.deep.equal({
      line: 0,
      kind: 'text',
      time: '09:14',
      nick: 'anna',
      text: 'is that so? <really>',
    });
  });

  it('keeps a text unchanged, including blanks', () => {
    expect(only('[09:14] <anna>   two more in front, one behind ')).to.include({
      text: '  two more in front, one behind ',
    });
  });

  it('recognizes a line without text', () => {
    expect(only('[05:10] <anna>')).to.deep.equal({ line: 0, kind: 'empty', nick: 'anna' });
    expect(only('[05:10] <anna> ')).to.include({ kind: 'empty' });
  });

  it('removes the blank that some logs have after a bracket in a name', () => {
    expect(only('[02:01] <anna[away] > hi')).to.include({ nick: 'anna[away]', text: 'hi' });
  });

  it('reads an action with a time, with one blank or two before the star', () => {
    const action = { line: 0, kind: 'action', time: '20:02', nick: 'anna', text: 'waves at ben' };
    expect(only('[20:02] * anna waves at ben')).to.deep.equal(action);
    expect(only('[20:02]  * anna waves at ben')).to.deep.equal(action);
  });

  it('reads joins, leaves with and without a reason, and name changes', () => {
    const lines = parseLog([
      '=== anna [~anna@host.example]  has joined #somewhere',
      '=== a[b] c [n=[odd] @host.example]  has joined #somewhere',
      '=== anna [~anna@host.example]  has left #somewhere []',
      '=== ben [i=ben@host.example]  has left #somewhere ["has joined #elsewhere"]',
      '=== anna is now known as anna_',
      '=== a[b] c  is now known as abc',
    ]);
    expect(lines.map(({ line: _, ...rest }) => rest)).to.deep.equal([
      { kind: 'join', nick: 'anna' },
      { kind: 'join', nick: 'a[b] c' },
      { kind: 'leave', nick: 'anna' },
      { kind: 'leave', nick: 'ben' },
      { kind: 'rename', from: 'anna', to: 'anna_' },
      { kind: 'rename', from: 'a[b] c', to: 'abc' },
    ]);
  });

  it('treats a notice as an action if it begins with a known name, also from a later line', () => {
    const lines = parseLog([
      '=== anna goes to sleep',
      '=== a[b] c  bows',
      '=== mode/#somewhere [+o anna]  by ben',
      '=== nobody does anything',
      '[09:14] <anna> awake',
      '=== a [x@y]  has joined #somewhere',
      '=== a[b] c [x@y]  has joined #somewhere',
    ]);
    expect(lines.slice(0, 4)).to.deep.equal([
      { line: 0, kind: 'action', time: null, nick: 'anna', text: 'goes to sleep' },
      { line: 1, kind: 'action', time: null, nick: 'a[b] c', text: 'bows' },
      { line: 2, kind: 'notice' },
      { line: 3, kind: 'notice' },
    ]);
  });

  it('reports a line of unknown form', () => {
    for (const text of ['', 'hello', '[9:14] <anna> hi', '<anna> hi', '[09:14] < > hi'])
      expect(only(text), text).to.deep.equal({ line: 0, kind: 'unreadable' });
  });

  it('numbers all lines from 0', () => {
    const lines = decodeLines(Buffer.from('[09:14] <anna> one\r\n\n[09:15] <ben> two\n'));
    expect(lines).to.deep.equal(['[09:14] <anna> one', '', '[09:15] <ben> two']);
    expect(parseLog(lines).map(({ line, kind }) => [line, kind])).to.deep.equal([
      [0, 'text'],
      [1, 'unreadable'],
      [2, 'text'],
    ]);
  });

  it('reads each line that is not UTF-8 as Latin-1, and the others as UTF-8', () => {
    const bytes = Buffer.concat([Buffer.from('naïve\n', 'utf8'), Buffer.from('naïve\n', 'latin1')]);
    expect(decodeLines(bytes)).to.deep.equal(['naïve', 'naïve']);
    expect(decodeLines(Buffer.from([0x81, 0xff]))).to.deep.equal(['\u0081ÿ']);
  });

  it('reads replies: in "A B -" B answers A, and no user answers themselves', () => {
    const answered = parseReplies(['1000 1000 -', '998 1001 - ', '1000 1002 -', '1001 1002 -']);
    expect([...answered]).to.deep.equal([
      [1001, [998]],
      [1002, [1000, 1001]],
    ]);
    expect(() => parseReplies(['1 2 -', '1 2'])).to.throw('line 2 is not of the form "A B -"');
  });
});
