/** `amqp://user:secret@host` reads `amqp://user:***@host`: for logs, faults and tables, wherever in the text it stands. */
export function hideCredentials(text: string): string {
  return text.replace(/([a-z][a-z0-9+.-]*:\/\/[^\s:/@]*):[^\s"'<>]*@/gi, '$1:***@');
}
