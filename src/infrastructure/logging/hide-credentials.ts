/** `amqp://user:secret@host` becomes `amqp://user:***@host`, anywhere in the text. For logs, error texts and tables. */
export function hideCredentials(text: string): string {
  // The pattern starts at the literal "://" instead of the scheme. This keeps it linear on long texts without a match.
  return text.replace(/:\/\/([^\s:/@]*):[^\s"'<>]*@/g, '://$1:***@');
}
