/** Removes the secrets of a request from texts of the server before they become part of a message. */

/** A shorter text is hardly a credential, and likely part of an ordinary word. */
const MIN_SECRET_LENGTH = 4;
/** Servers quote requests in part, so this many leading characters count as the secret. */
const RECOGNISED_LENGTH = 8;

export function secretsOf(url: URL, headers: Readonly<Record<string, string>>): Set<string> {
  const secrets = new Set<string>();
  for (const [name, value] of Object.entries(headers)) {
    if (!name.endsWith('authorization')) secrets.add(value);
    else for (const secret of secretsOfAuthorization(value)) secrets.add(secret);
  }
  for (const part of [url.username, url.password, url.search.slice(1)]) secrets.add(part);
  for (const value of url.searchParams.values()) secrets.add(value);
  return secrets;
}

/** @param value of an `Authorization` header: a scheme, which is not secret, and credentials. */
export function secretsOfAuthorization(value: string | undefined): Set<string> {
  const [, scheme = '', credentials = ''] = /^(\S*)\s*(.*)$/s.exec(value ?? '') ?? [];
  if (credentials === '') return new Set([scheme]);
  const decoded = scheme.toLowerCase() === 'basic' ? Buffer.from(credentials, 'base64').toString() : '';
  const [user = '', ...password] = decoded.split(':');
  return new Set([credentials, decoded, user, password.join(':')]);
}

/** Replaces each secret, and each quoted beginning of one, by an ellipsis. */
export function concealed(text: string, secrets: Iterable<string>): string {
  const forms = new Set([...secrets].flatMap(formsOf));
  const known = [...forms].filter(({ length }) => length >= MIN_SECRET_LENGTH);
  // Longest first: a shorter secret may be part of a longer one.
  known.sort((a, b) => b.length - a.length);
  return known.reduce(withoutOne, text);
}

function formsOf(secret: string): string[] {
  return [secret, uriDecoded(secret)].flatMap((form) => [
    form,
    encodeURIComponent(form.toWellFormed()),
    JSON.stringify(form).slice(1, -1),
    form.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`),
    form.replace(/[&<>"]/g, (character) => HTML_NAMES[character] ?? character),
  ]);
}

const HTML_NAMES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
};

function uriDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function withoutOne(text: string, secret: string): string {
  const beginning = secret.slice(0, RECOGNISED_LENGTH);
  let result = '';
  let at = 0;
  for (let found = text.indexOf(beginning); found !== -1; found = text.indexOf(beginning, at)) {
    let length = beginning.length;
    while (length < secret.length && text[found + length] === secret[length]) length++;
    result += `${text.slice(at, found)}…`;
    at = found + length;
  }
  return result + text.slice(at);
}
