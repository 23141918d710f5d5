# Reference values for tests/test_tables.py and tests/test_multiplicity.py.  Rscript tests/oracle/tables.R
suppressPackageStartupMessages({
  library(coin); library(jsonlite)
})
out <- "tests/oracle/tables.json"
if (!file.exists("tests/oracle")) stop("run from the top of the repository")

# Deterministic answers with ties and sparse cells, so that R's generator plays no part.
i <- 1:139
size <- (i * 7 + i %/% 5) %% 5
exposed <- as.integer((i * 5 + size) %% 9 < 2)
defences <- (i * i + 3 * exposed + size) %% 9
likelihood <- (i * 3 + defences %/% 2 + i %/% 7) %% 5
data <- data.frame(size, exposed, defences, likelihood)
z <- function(test) as.numeric(statistic(test))
p <- function(test) as.numeric(pvalue(test))

kendall <- suppressWarnings(cor.test(defences, likelihood, method = "kendall", exact = FALSE))
trend <- independence_test(size ~ factor(exposed), data = data, distribution = "asymptotic")
armitage <- prop.trend.test(tapply(exposed, size, sum), as.numeric(table(size)), score = 0:4)
wilcoxon <- wilcox.test(defences[exposed == 1], defences[exposed == 0], exact = FALSE, correct = TRUE)
kruskal <- kruskal.test(defences ~ factor(size))
chi_square <- suppressWarnings(chisq.test(table(size, exposed), correct = FALSE))
fisher <- list(rbind(c(12, 3), c(20, 31)), rbind(c(0, 9), c(8, 40)), rbind(c(5, 5), c(5, 5)),
               rbind(c(1, 7), c(30, 101)))
# Joint permutation: every assignment of five people to two groups, statistics by coin.
small <- data.frame(a = c(1, 2, 2, 4, 5, 3, 7), b = c(3, 1, 2, 2, 6, 5, 4), g = c(0, 0, 0, 1, 1, 0, 1))
labels <- combn(7, 3)
joint <- sapply(seq_len(ncol(labels)), function(k) {
  g <- as.numeric(seq_len(7) %in% labels[, k])
  c(abs(cor(g, small$a)), abs(cor(g, small$b)))
})
observed <- c(abs(cor(small$g, small$a)), abs(cor(small$g, small$b)))
raw <- rowMeans(joint >= observed - 1e-9)
first <- order(-observed)
adjusted <- numeric(2)
adjusted[first[1]] <- mean(apply(joint, 2, max) >= observed[first[1]] - 1e-9)
adjusted[first[2]] <- max(adjusted[first[1]], mean(joint[first[2], ] >= observed[first[2]] - 1e-9))

# The same by coin, over random assignments: agrees within Monte Carlo error
set.seed(1)
step_down <- pvalue(independence_test(a + b ~ g, data = small, distribution = approximate(nresample = 2e5)),
                    method = "step-down", distribution = "joint")

values <- c(0.01, 0.04, 0.03, 0.2, 0.041, 0.9, 0.03)
write_json(list(
  data = as.list(data),
  kendall = list(z = unname(kendall$statistic), p = kendall$p.value, tau = unname(kendall$estimate)),
  trend = list(z = z(trend), p = p(trend)),
  armitage = list(chi_square = unname(armitage$statistic), p = armitage$p.value),
  wilcoxon = list(u = unname(wilcoxon$statistic), p = wilcoxon$p.value),
  kruskal = list(h = unname(kruskal$statistic), p = kruskal$p.value),
  chi_square = list(statistic = unname(chi_square$statistic), p = chi_square$p.value),
  fisher = lapply(fisher, function(m) list(table = apply(m, 1, identity, simplify = FALSE),
                                           p = fisher.test(m)$p.value)),
  adjust = list(p = values, holm = p.adjust(values, "holm"), bh = p.adjust(values, "BH"),
                with_missing = list(holm = p.adjust(c(0.02, NA, 0.01), "holm"),
                                    bh = p.adjust(c(0.02, NA, 0.01), "BH"))),
  joint = list(a = small$a, b = small$b, g = small$g, raw = raw, adjusted = adjusted,
               coin = as.numeric(step_down))
), out, digits = NA, auto_unbox = TRUE, pretty = TRUE)
