/** The long runs: `npm run archive -- kill sqlite 50`, for example. */
const scripts = ["measure", "kill", "cluster"]
const [name = ""] = process.argv.splice(2, 1)

if (scripts.includes(name)) await import(`./${name}.ts`)
else {
  console.error(`npm run archive -- NAME, where NAME is one of: ${scripts.join(", ")}`)
  process.exitCode = 2
}
