"""What a person looks at: plans and reports of configurations and run folders."""
