# Reference values for tests/test_agreement.py.  Rscript tests/oracle/agreement.R
suppressPackageStartupMessages({library(psych); library(jsonlite)})
i <- 1:240
attack <- c("a", "b", "c", "d", "e")[(i * 7 + i %/% 9) %% 5 + 1]
first <- as.integer((i * 37) %% 101 < 31)
second <- ifelse((i * 53) %% 97 < 15, 1L - first, first)
rare <- as.integer(i %in% c(3, 90, 91, 200))
rare_second <- as.integer(i %in% c(3, 90, 150))
kappa_of <- function(x, y) {
  k <- cohen.kappa(cbind(x, y))
  list(kappa = k$kappa, agreement = k$agree[1, 1] + k$agree[2, 2])
}
# several categories
many_first <- (i * 11 + i %/% 4) %% 4
many_second <- ifelse((i * 29) %% 83 < 20, (many_first + 1) %% 4, many_first)
pair <- suppressWarnings(chisq.test(table(first, rare | second == 1), correct = FALSE))
result <- list(
  data = list(attack = attack, first = first, second = second, rare = rare,
              rare_second = rare_second, many_first = many_first, many_second = many_second,
              either = as.integer(rare | second == 1)),
  kappa = kappa_of(first, second),
  kappa_rare = kappa_of(rare, rare_second),
  kappa_many = cohen.kappa(cbind(many_first, many_second))$kappa,
  pair_expected = pair$expected[2, 2], pair_stdres = pair$stdres[2, 2]
)
write_json(result, "tests/oracle/agreement.json", digits = NA, auto_unbox = TRUE, pretty = TRUE)
