/** Keeps what a request tells the server in confidence out of the texts that the server answers with. */

/** What is shorter is no credential, and likely a part of any other word. */
const MIN_SECRET_LENGTH = 4;
/** Servers quote requests in part: so much of the beginning of a secret is taken for it. */
const RECOGNISED_LENGTH = 8;

/** Credentials, query and the values of headers, in the forms in which a server may quote them. */
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

/** @param value of a header `Authorization`: a scheme, which is no secret, and credentials. */
export function secretsOfAuthorization(value: string | undefined): Set<string> {
  const [, scheme = '', credentials = ''] = /^(\S*)\s*(.*)$/s.exec(value ?? '') ?? [];
  if (credentials === '') return new Set([scheme]);
  const decoded = scheme.toLowerCase() === 'basic' ? Buffer.from(credentials, 'base64').toString() : '';
  const [user = '', ...password] = decoded.split(':');
  return new Set([credentials, decoded, user, password.join(':')]);
}

/** The text, with an ellipsis in the place of each secret or of what is quoted of one. */
export function concealed(text: string, secrets: Iterable<string>): string {
  const forms = new Set([...secrets].flatMap(formsOf));
  const known = [...forms].filter(({ length }) => length >= MIN_SECRET_LENGTH);
  // The longest first: a shorter one may be a part of it.
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
