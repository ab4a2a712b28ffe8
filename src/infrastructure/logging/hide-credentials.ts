/** `amqp://user:secret@host` reads `amqp://user:***@host`: for logs, faults and tables, wherever in the text it stands. */
export function hideCredentials(text: string): string {
  // Begins at the literal "://" rather than at the scheme: that keeps it linear on long texts without any.
  return text.replace(/:\/\/([^\s:/@]*):[^\s"'<>]*@/g, '://$1:***@');
}
