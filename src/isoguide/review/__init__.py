"""After the fraction: trends, errors of a population, margins, what other protocols would have left."""

from isoguide.review.anatomy_trends import (
    AnatomyAlert,
    AnatomyTrend,
    StructureDay,
    StructureSeries,
    UndecidedDay,
    alert_words,
    anatomy_trend,
)
from isoguide.review.capability import Capability, process_capability
from isoguide.review.change_point import ChangePoint, find_change
from isoguide.review.conduct import Conduct, DoseSum, conduct_of, dose_sums
from isoguide.review.control_charts import (
    Baseline,
    CusumChart,
    EwmaChart,
    IndividualsChart,
    baseline,
    cusum_chart,
    ewma_chart,
    individuals_chart,
)
from isoguide.review.coverage import Coverage, dose_coverage
from isoguide.review.error_table import ErrorTable, Position, error_table
from isoguide.review.estimate import CONFIDENCE, Estimate
from isoguide.review.groups import (
    AxisStatistics,
    Grouping,
    GroupStatistics,
    MarginSettings,
    VectorLengths,
    group_statistics,
)
from isoguide.review.margins import (
    RECIPES,
    ErrorSource,
    Margin,
    Recipe,
    breathing_error,
    combined,
    margins_for,
    of_few_fractions,
    registration_error,
    van_herk_full,
)
from isoguide.review.multiple_tests import FALSE_DISCOVERIES, Tested, adjusted
from isoguide.review.outliers import Outlier, find_outliers
from isoguide.review.patient import (
    PatientAxis,
    PatientReview,
    PatientScheme,
    PatientSettings,
    review_patient,
)
from isoguide.review.population import (
    Drift,
    PopulationReview,
    PopulationSettings,
    find_drifts,
    review_population,
)
from isoguide.review.replay import SCHEMES, Replay, Scheme, SchemeResult, replay_schedule, scheme_results
from isoguide.review.simulated import KnownErrors, WhereTreated, simulate_errors, simulate_population
from isoguide.review.trends import Trend, fit_lines, fit_trend, mann_kendall
from isoguide.review.variance_components import Components, variance_components

__all__ = [
    "CONFIDENCE",
    "FALSE_DISCOVERIES",
    "RECIPES",
    "SCHEMES",
    "AnatomyAlert",
    "AnatomyTrend",
    "AxisStatistics",
    "Baseline",
    "Capability",
    "ChangePoint",
    "Components",
    "Conduct",
    "Coverage",
    "CusumChart",
    "DoseSum",
    "Drift",
    "ErrorSource",
    "ErrorTable",
    "Estimate",
    "EwmaChart",
    "GroupStatistics",
    "Grouping",
    "IndividualsChart",
    "KnownErrors",
    "Margin",
    "MarginSettings",
    "Outlier",
    "PatientAxis",
    "PatientReview",
    "PatientScheme",
    "PatientSettings",
    "PopulationReview",
    "PopulationSettings",
    "Position",
    "Recipe",
    "Replay",
    "Scheme",
    "SchemeResult",
    "StructureDay",
    "StructureSeries",
    "Tested",
    "Trend",
    "UndecidedDay",
    "VectorLengths",
    "WhereTreated",
    "adjusted",
    "alert_words",
    "anatomy_trend",
    "baseline",
    "breathing_error",
    "combined",
    "conduct_of",
    "cusum_chart",
    "dose_coverage",
    "dose_sums",
    "error_table",
    "ewma_chart",
    "find_change",
    "find_drifts",
    "find_outliers",
    "fit_lines",
    "fit_trend",
    "group_statistics",
    "individuals_chart",
    "mann_kendall",
    "margins_for",
    "of_few_fractions",
    "process_capability",
    "registration_error",
    "replay_schedule",
    "review_patient",
    "review_population",
    "scheme_results",
    "simulate_errors",
    "simulate_population",
    "van_herk_full",
    "variance_components",
]
