// Domains as operators list them in flags, API groups and prefixes of annotations alike: names, and patterns that stand for
// everything below a domain. Rule: docs/reference/behaviour.md, "OpenAPI" and "What travels".

/** "*." and a domain: every name below it, at any depth, but not the domain itself. */
export const matchesPattern = (domain: string, patterns: ReadonlySet<string>): boolean =>
  [...patterns].some((pattern) => pattern.startsWith("*.") && domain.endsWith(pattern.slice(1)));

/** Is the domain among these, by its name or by a pattern? */
export const isNamed = (domain: string, named: ReadonlySet<string>): boolean =>
  named.has(domain) || matchesPattern(domain, named);
