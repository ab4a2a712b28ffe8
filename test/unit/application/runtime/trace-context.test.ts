import { expect } from 'chai';
import { traceContextOf } from '../../../../src/application/runtime/trace-context.js';
import { DeciderHarness } from '../commands/decider-harness.js';
import { create, GROUP, send } from '../commands/drafts.js';

const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
const tracestate = 'vendor=opaque,other=1';

describe("A command's trace context", () => {
  it('is copied to its event, accepted or rejected, and to no other', () => {
    const harness = new DeciderHarness();
    const traced = { properties: { headers: { traceparent, tracestate } } };
    harness.answers(
      create('alice', GROUP, []),
      send('alice', GROUP, 'hello', {}, traced),
      send('bob', GROUP, 'hello', {}, traced),
      send('alice', GROUP),
    );
    expect(harness.log.map((event) => [event.traceparent, event.tracestate])).to.deep.equal([
      [null, null],
      [traceparent, tracestate],
      [traceparent, tracestate],
      [null, null],
    ]);
  });

  it('is copied without a tracestate if it has none', () => {
    expect(traceContextOf({ traceparent })).to.deep.equal({ traceparent, tracestate: null });
  });

  for (const [what, wrong] of Object.entries({
    'in upper case': traceparent.toUpperCase(),
    'of the forbidden version': traceparent.replace(/^00/, 'ff'),
    'with an empty trace id': '00-00000000000000000000000000000000-00f067aa0ba902b7-01',
    'with an empty parent id': '00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01',
    'with more behind': `${traceparent}-00`,
    'that is no text': Buffer.from(traceparent),
    'that is an object': { toString: () => traceparent },
  }))
    it(`is omitted ${what}, with its tracestate`, () => {
      expect(traceContextOf({ traceparent: wrong, tracestate })).to.deep.equal({ traceparent: null, tracestate: null });
    });

  it('is copied without a tracestate that is too long or not printable', () => {
    for (const wrong of ['x'.repeat(513), 'a=\n', 'a=ü', '', 7, null])
      expect(traceContextOf({ traceparent, tracestate: wrong })).to.deep.equal({ traceparent, tracestate: null });
    expect(traceContextOf({ traceparent, tracestate: 'x'.repeat(512) }).tracestate).to.have.length(512);
  });
});
