/** XMPP (RFC 6120) as far as the load needs it: what its clients write, and what they read of the answers. */

const STREAM_NAMESPACES = "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'";

export function streamOpening(domain: string): string {
  return `<?xml version='1.0'?><stream:stream ${STREAM_NAMESPACES} to='${escaped(domain)}' version='1.0'>`;
}

export const STREAM_CLOSING = '</stream:stream>';

/** Of a SASL PLAIN login. */
export function authentication(user: string, password: string): string {
  const initial = Buffer.from(`\0${user}\0${password}`).toString('base64');
  return `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${initial}</auth>`;
}

export function binding(resource: string): string {
  return `<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${escaped(resource)}</resource></bind></iq>`;
}

export const PRESENCE = '<presence/>';

/** Enters a room, which makes it where it is missing; without its past. */
export function joining(room: string, nickname: string): string {
  const muc = "<x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x>";
  return `<presence to='${escaped(`${room}/${nickname}`)}'>${muc}</presence>`;
}

/** @param to a user, or a room, which wants the type `groupchat` */
export function message(to: string, type: 'chat' | 'groupchat', id: string, body: string): string {
  return `<message to='${escaped(to)}' type='${type}' id='${escaped(id)}'><body>${escaped(body)}</body></message>`;
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll("'", '&apos;')
    .replaceAll('"', '&quot;');
}

/**
 * An attribute of a stanza's own opening tag, `undefined` where there is none. What is escaped in it stays so: the load's own names and ids
 * have nothing that needs it.
 */
export function attribute(stanza: string, name: string): string | undefined {
  const tag = stanza.slice(0, stanza.indexOf('>'));
  const before = tag.indexOf(` ${name}=`);
  if (before < 0) return undefined;
  const begin = before + name.length + 2;
  const end = tag.indexOf(tag.charAt(begin), begin + 1);
  return end < 0 ? undefined : tag.slice(begin + 1, end);
}

/**
 * Cuts what a server writes into what stands right below its stream element, whole and in order, however the network has cut it. Of XML it
 * assumes what servers of XMPP keep to: no comments or CDATA, and `>` escaped in texts and attributes.
 */
export class StanzaCutter {
  private rest = '';
  /** Where to look on, how deep that is, and where the stanza began. */
  private at = 0;
  private depth = 0;
  private begin = 0;

  /** @returns the stanzas that this completes; the stream's closing tag counts as one */
  push(text: string): string[] {
    this.rest += text;
    const stanzas: string[] = [];
    for (;;) {
      const open = this.rest.indexOf('<', this.at);
      const close = open < 0 ? -1 : this.rest.indexOf('>', open);
      if (close < 0) break;
      this.at = close + 1;
      if (this.rest.startsWith('<?', open) || this.rest.startsWith('<stream:stream', open)) continue;
      if (this.depth === 0) this.begin = open;
      if (this.rest.charAt(open + 1) === '/') this.depth -= 1;
      else if (this.rest.charAt(close - 1) !== '/') this.depth += 1;
      if (this.depth > 0) continue;
      stanzas.push(this.rest.slice(this.begin, this.at));
      this.depth = 0; // the stream's closing tag leads below
    }
    this.forget();
    return stanzas;
  }

  /** What is cut off already. */
  private forget(): void {
    const keep = this.depth === 0 ? this.at : this.begin;
    this.rest = this.rest.slice(keep);
    this.at -= keep;
    this.begin = 0;
  }
}
