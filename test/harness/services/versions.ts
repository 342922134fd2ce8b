/** Versions of every server that the tests install, in one place. Raise them here only. */
export const VERSIONS = {
  kafka: '4.1.1',
  log4j: '2.25.1',
  apicurio: '2.6.13.Final',
  seaweedfs: '4.48',
  mavenDependencyPlugin: '3.8.1',
} as const;
