/** The part of XMPP (RFC 6120) that the load needs: the stanzas that clients send, and the parsing of answers. */

const STREAM_NAMESPACES = "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'";

export function streamOpening(domain: string): string {
  return `<?xml version='1.0'?><stream:stream ${STREAM_NAMESPACES} to='${escaped(domain)}' version='1.0'>`;
}

export const STREAM_CLOSING = '</stream:stream>';

/** The payload of a SASL PLAIN login. */
export function authentication(user: string, password: string): string {
  const initial = Buffer.from(`\0${user}\0${password}`).toString('base64');
  return `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${initial}</auth>`;
}

export function binding(resource: string): string {
  return `<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${escaped(resource)}</resource></bind></iq>`;
}

export const PRESENCE = '<presence/>';

/** Enters a room without its history. The room is created if it does not exist. */
export function joining(room: string, nickname: string): string {
  const muc = "<x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x>";
  return `<presence to='${escaped(`${room}/${nickname}`)}'>${muc}</presence>`;
}

/** @param to a user; or a room, with the type `groupchat` */
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
 * An attribute of the opening tag of a stanza; `undefined` if it is missing. Escapes are not decoded: the names and ids
 * of the load contain none.
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
 * Splits the stream of a server into complete stanzas, the children of the stream element, in order, at any network
 * boundary. It relies on what XMPP servers send: no comments, no CDATA, and `>` escaped in texts and attributes.
 */
export class StanzaCutter {
  private rest = '';
  /** Position to continue from, the depth there, and the start of the current stanza. */
  private at = 0;
  private depth = 0;
  private begin = 0;

  /** @returns the stanzas that this chunk completes; the closing tag of the stream counts as one */
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
      this.depth = 0; // the closing tag of the stream
    }
    this.forget();
    return stanzas;
  }

  /** Removes complete stanzas from the buffer. */
  private forget(): void {
    const keep = this.depth === 0 ? this.at : this.begin;
    this.rest = this.rest.slice(keep);
    this.at -= keep;
    this.begin = 0;
  }
}
