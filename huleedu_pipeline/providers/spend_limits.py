"""How the providers say, in calls and in result lines, that nothing is taken until somebody pays or raises a limit."""

OPENAI_CODES = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
# Details of an error, whatever its type: a spent limit is told as a rate limit or as a lack of permission.
ANTHROPIC_DETAILS = frozenset(
    {
        "enforced_spend_limit_reached",
        "contract_spend_limit_reached",
        "linked_organization_spend_limit_reached",
        "linked_organization_billing_unavailable",
    }
)
# An empty account is told as an invalid request, so only its words tell it from a request that is wrong.
EMPTY_ACCOUNT = "credit balance is too low"
