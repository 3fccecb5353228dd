/** What a package must tell of itself before it may be published. */

export interface Manifest {
  readonly version?: unknown;
  readonly repository?: unknown;
  readonly homepage?: unknown;
  readonly bugs?: unknown;
}

/** Domains that belong to nobody (RFC 2606), and what templates have in these places. */
const INVENTED = /(^|\.)(example|invalid|test|localhost)(\.(com|net|org))?$/i;
const TEMPLATE = /\b(your|todo|changeme|placeholder|owner|user(name)?)\b/i;

/**
 * @param repository `owner/name` of the repository that publishes, as GitHub Actions says it; undefined elsewhere.
 * @returns a sentence for each thing that is missing or cannot be right.
 */
export function problemsOf(manifest: Manifest, changelog: string, repository?: string): string[] {
  const problems: string[] = [];
  const check = (name: string, value: unknown, why: string) => {
    const problem = addressProblem(value);
    if (problem !== undefined) problems.push(`package.json: '${name}' ${problem}: ${why}`);
  };
  const source = urlOf(manifest.repository);
  check(
    'repository',
    source,
    'the registry shows it, links of the README depend on it, and provenance is checked against it',
  );
  check('homepage', manifest.homepage, 'people look for the documentation there');
  check('bugs', urlOf(manifest.bugs), 'people report what does not work there');
  if (repository !== undefined && typeof source === 'string' && nameOf(source) !== repository.toLowerCase()) {
    problems.push(
      `package.json: 'repository' is not ${repository}, which publishes it: provenance would be refused`,
    );
  }
  const version = String(manifest.version);
  if (!/^\d+\.\d+\.\d+/.test(version)) problems.push(`package.json: 'version' is none: ${version}`);
  else if (
    !new RegExp(`^## \\[${version.replaceAll('.', '\\.')}\\] - \\d{4}-\\d\\d-\\d\\d$`, 'm').test(changelog)
  ) {
    problems.push(
      `CHANGELOG.md: ${version} has no heading with a date, as in '## [${version}] - 2030-12-31'`,
    );
  }
  return problems;
}

function urlOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? (value as { url?: unknown }).url : value;
}

/** @returns what is wrong with an address, or undefined. */
function addressProblem(value: unknown): string | undefined {
  if (value === undefined || value === '') return 'is missing';
  const url = typeof value === 'string' ? URL.parse(value.replace(/^git\+/, '')) : null;
  if (url === null || url.protocol !== 'https:') return 'is not an https address';
  if (INVENTED.test(url.hostname) || TEMPLATE.test(url.pathname))
    return `is an invented address (${url.href})`;
  return undefined;
}

/** `owner/name` in the address of a repository. */
function nameOf(address: string): string | undefined {
  const { pathname } = URL.parse(address.replace(/^git\+/, '')) ?? {};
  return pathname
    ?.replace(/^\//, '')
    .replace(/\.git$/, '')
    .toLowerCase();
}
