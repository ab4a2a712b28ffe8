/** RealChat's `message_type` as a media type. `text` is plain text; others get a media type of their own. */
const OTHER = 'application/x-realchat.';
const TYPE = /^[a-z0-9][a-z0-9_-]{0,63}$/i;

/** Null: not a type that can be stored. */
export function contentTypeOf(messageType: string): string | null {
  if (messageType === '' || messageType === 'text') return 'text/plain';
  return TYPE.test(messageType) ? `${OTHER}${messageType.toLowerCase()}` : null;
}

export function messageTypeOf(contentType: string): string {
  if (contentType === 'text/plain') return 'text';
  return contentType.startsWith(OTHER) ? contentType.slice(OTHER.length) : contentType;
}
