import { expect } from 'chai';
import { attribute, authentication, joining, message, StanzaCutter } from '../../../bench/ejabberd/stanzas.js';

/** The stream of a server after a login, with the stanzas that the load receives. */
const OPENING =
  "<?xml version='1.0'?><stream:stream id='17' version='1.0' xml:lang='en' xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:client'>";
const FEATURES = "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><ver xmlns='v'/></stream:features>";
const PRESENCE = "<presence from='u0@localhost/bench'/>";
const MESSAGE =
  "<message xml:lang='en' to='u1@localhost/bench' from='u0@localhost/bench' type='chat' id='round-1-7'><archived by='u1@localhost' id='99' xmlns='urn:xmpp:mam:tmp'/><body>round-1-7 ü &lt;b/&gt;</body></message>";
const STANZAS = [FEATURES, PRESENCE, MESSAGE, PRESENCE, '</stream:stream>'];

describe("the peer's stanzas", () => {
  it('are complete and in order, for any split by the network', () => {
    const text = OPENING + STANZAS.join('');
    for (let size = 1; size <= text.length; size += 1) {
      const cutter = new StanzaCutter();
      const cut: string[] = [];
      for (let at = 0; at < text.length; at += size) cut.push(...cutter.push(text.slice(at, at + size)));
      expect(cut, `pieces of ${size}`).to.deep.equal(STANZAS);
    }
  });

  it('are separated at white space, which keeps a connection open', () => {
    const cutter = new StanzaCutter();
    expect(cutter.push(` ${PRESENCE}\n \n${MESSAGE} `).map((stanza) => stanza.trim())).to.deep.equal([
      PRESENCE,
      MESSAGE,
    ]);
  });

  it('have the attributes of their own opening tag, not of nested elements', () => {
    expect(attribute(MESSAGE, 'id')).to.equal('round-1-7');
    expect(attribute(MESSAGE, 'type')).to.equal('chat');
    expect(attribute(MESSAGE, 'by')).to.equal(undefined);
    expect(attribute('<iq type="result" id="bind"/>', 'id')).to.equal('bind');
    expect(attribute("<message from='r@c'><archived id='9'/></message>", 'id')).to.equal(undefined);
  });

  it('escape characters that end an attribute or begin an element', () => {
    expect(message(`o'b@d`, 'chat', 'a&b', '<b> "x"')).to.equal(
      "<message to='o&apos;b@d' type='chat' id='a&amp;b'><body>&lt;b&gt; &quot;x&quot;</body></message>",
    );
    expect(joining('r1@c', "u'")).to.contain("to='r1@c/u&apos;'");
  });

  it('log in with the user and the password, each after a zero', () => {
    const initial = />([^<]+)</.exec(authentication('u0', 'secret'))?.[1] ?? '';
    expect(Buffer.from(initial, 'base64').toString()).to.equal('\0u0\0secret');
  });
});
