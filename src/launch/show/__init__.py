"""What a person looks at: plans and reports. Reads run folders and configurations only."""
