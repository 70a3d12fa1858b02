const isLong = process.env.MIX_TEST_LONG !== undefined

/** What a test draws: a few by default, all in `npm run test:long`. Nothing else decides between the two. */
export const draws = <A>(few: A, all: A): A => (isLong ? all : few)
