"""How refusals of different hosts look on the wire: status, body, and headers where they carry something."""

from typing import Any

FLAVOURS: dict[str, dict[str, Any]] = {
    "openai_too_long": {
        "status": 400,
        "body": {
            "error": {
                "message": "This model's maximum context length is 8192 tokens.",
                "type": "invalid_request_error",
                "param": "messages",
                "code": "context_length_exceeded",
            }
        },
    },
    "vllm_too_long": {
        "status": 400,
        "body": {
            "error": {
                "message": "You passed 9000 input tokens, but the model's context length is only 8192.",
                "type": "BadRequestError",
                "param": "input_tokens",
                "code": 400,
            }
        },
    },
    "old_vllm_too_long": {
        "status": 400,
        "body": {
            "object": "error",
            "message": "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens.",
            "type": "BadRequestError",
            "param": None,
            "code": 400,
        },
    },
    "together_too_long": {
        "status": 400,
        "body": {
            "error": {
                "message": "Input validation error: inputs tokens + max_new_tokens must be <= 8193.",
                "type": "invalid_request_error",
                "param": None,
                "code": None,
            }
        },
    },
    "llama_cpp_too_long": {
        "status": 400,
        "body": {
            "error": {
                "code": 400,
                "message": "the request exceeds the available context size",
                "type": "exceed_context_size_error",
                "n_prompt_tokens": 9000,
                "n_ctx": 8192,
            }
        },
    },
    "groq_over_tier": {
        "status": 413,
        "body": {
            "error": {
                "message": "Request too large for model on tokens per minute (TPM): Limit 30000, Requested 90000",
                "type": "tokens",
                "code": "rate_limit_exceeded",
            }
        },
    },
    "proxy_body_too_large": {"status": 413, "body": "<html><h1>413 Request Entity Too Large</h1></html>"},
    "groq_throttled": {
        "status": 429,
        "headers": {"retry-after": "1", "x-ratelimit-reset-tokens": "7.66s"},
        "body": {"error": {"message": "Rate limit reached", "type": "tokens", "code": "rate_limit_exceeded"}},
    },
    "openrouter_throttled": {
        "status": 429,
        "body": {"error": {"code": 429, "message": "Rate limited", "metadata": {"retry_after_seconds": 1}}},
    },
    "groq_flex_busy": {
        "status": 498,
        "body": {"error": {"message": "Flex capacity exceeded", "code": "capacity_exceeded"}},
    },
    "ollama_busy": {
        "status": 503,
        "body": {"error": "server busy, please try again. maximum pending requests exceeded"},
    },
    "gateway_html": {"status": 502, "body": "<html><body>Bad gateway</body></html>"},
    "key_rejected": {
        "status": 401,
        "body": {"error": {"message": "Incorrect API key provided: sk-…", "code": "invalid_api_key"}},
    },
    "forbidden": {"status": 403, "body": {"error": {"message": "Verify your identity", "code": 403}}},
    "openrouter_moderation": {
        "status": 403,
        "body": {
            "error": {
                "code": 403,
                "message": "Your chosen model requires moderation and your input was flagged",
            }
        },
    },
    "openrouter_no_credit": {
        "status": 402,
        "body": {"error": {"code": 402, "message": "Insufficient credits"}},
    },
    "fireworks_suspended": {
        "status": 412,
        "body": {"error": {"message": "Account suspended", "code": "PRECONDITION"}},
    },
    "groq_model_gone": {
        "status": 404,
        "body": {"error": {"message": "The model does not exist", "code": "model_not_found"}},
    },
    "nvidia_model_gone": {"status": 410, "body": {"detail": "End of life"}},
    "bad_argument": {"status": 422, "body": {"error": {"message": "temperature: must be a number"}}},
    "openrouter_timeout": {"status": 408, "body": {"error": {"code": 408, "message": "Timed out"}}},
    "redirect": {"status": 307, "headers": {"location": "http://127.0.0.1:9/elsewhere"}, "body": ""},
}
