/** The version of the packages, as `User-Agent` says it. A test holds it to package.json; `npm run release:version` writes it. */
export const version = "0.1.0"
