# Power of two-sample tests in closed form. Writes power.json beside this file.
library(jsonlite)
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
cases <- list(c(100, 0.2, 0.4), c(70, 0.1, 0.3), c(135, 0.25, 0.4), c(300, 0.1, 0.2))
prop <- lapply(cases, function(k) {
  list(n = k[1], p1 = k[2], p2 = k[3],
       power = power.prop.test(n = k[1], p1 = k[2], p2 = k[3])$power,
       n_80 = power.prop.test(power = 0.8, p1 = k[2], p2 = k[3])$n)
})
# Exact power of Fisher's test by enumeration of both binomials.
fisher_power <- function(n1, n2, p1, p2, alpha = 0.05) {
  total <- 0
  for (a in 0:n1) for (b in 0:n2) {
    p <- fisher.test(matrix(c(a, n1 - a, b, n2 - b), 2))$p.value
    if (p < alpha) total <- total + dbinom(a, n1, p1) * dbinom(b, n2, p2)
  }
  total
}
fisher <- list(
  list(n1 = 30, n2 = 20, p1 = 0.1, p2 = 0.4, power = fisher_power(30, 20, 0.1, 0.4)),
  list(n1 = 25, n2 = 25, p1 = 0.2, p2 = 0.2, power = fisher_power(25, 25, 0.2, 0.2))
)
write_json(list(prop = prop, fisher = fisher, r = R.version.string),
           file.path(here, "power.json"), auto_unbox = TRUE, digits = NA, pretty = TRUE)
